"""Finds where configuration files say something: the last line that sets a name, with file and number."""

from __future__ import annotations

import glob
import os
import re
import shlex

Declared = dict[str, dict[str, object]]


def lines_of(path: str) -> list[str]:
    """Return a file's lines; none where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read().splitlines()
    except OSError:
        return []


def in_units(paths: list[str], names: list[str], section: str = "[Service]") -> Declared:
    """Return what unit files and drop-ins say of these names, in the order in which systemd reads them."""
    found: Declared = {}
    for path in paths:
        inside = False
        for number, line in enumerate(lines_of(path), start=1):
            name, equals, value = line.strip().partition("=")
            if line.strip().startswith("["):
                inside = line.strip() == section
            elif inside and equals and name.strip() in names:
                found[name.strip()] = {"file": path, "line": number, "value": value.strip()}
    return found


def in_haproxy(paths: list[str], names: list[str]) -> Declared:
    """Return what the section `global` says of these names."""
    found: Declared = {}
    for path in paths:
        inside = False
        for number, line in enumerate(lines_of(path), start=1):
            words = line.split("#", 1)[0].split()
            if words and not line[:1].isspace():
                inside = words[0] == "global"
            elif inside and len(words) > 1 and words[0] in names:
                found[words[0]] = {"file": path, "line": number, "value": " ".join(words[1:])}
    return found


def in_redis(paths: list[str], names: list[str]) -> Declared:
    """Return what redis.conf and the files it includes say of these names; the last line counts."""
    found: Declared = {}
    for path in paths:
        for number, line in enumerate(lines_of(path), start=1):
            words = _words(line)
            if len(words) > 1 and words[0].lower() == "include" and path not in words[1:]:
                found.update(in_redis(sorted(glob.glob(words[1])), names))
            elif len(words) > 1 and words[0].lower() in names:
                found[words[0].lower()] = {"file": path, "line": number, "value": " ".join(words[1:])}
    return found


def _words(line: str) -> list[str]:
    if line.lstrip().startswith("#"):
        return []
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def in_command(arguments: list[str]) -> list[str]:
    """Return the files that a command line names, in its order."""
    named = [word for word in arguments[1:] if re.match(r"/.+\.(cfg|conf)$", word)]
    folders = [word for word in arguments[1:] if word.startswith("/") and os.path.isdir(word)]
    return [*named, *(path for folder in folders for path in sorted(glob.glob(f"{folder}/*.cfg")))]
