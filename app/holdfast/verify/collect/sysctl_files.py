"""Find which file of sysctl.d decides a key, in the order of systemd-sysctl. Runs on hosts."""

from __future__ import annotations

import fnmatch
import os

# A name in an earlier folder hides the same name in a later one; all names together are read sorted, the last wins.
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
# Read by `sysctl --system` after everything else, by systemd-sysctl only through a link in /etc/sysctl.d.
LAST = "/etc/sysctl.conf"


def files() -> list[str]:
    """Return the files that count, in the order in which they are read."""
    chosen: dict[str, str] = {}
    for folder in FOLDERS:
        for name in _listing(folder):
            if name.endswith(".conf"):
                chosen.setdefault(name, os.path.join(folder, name))
    ordered = [chosen[name] for name in sorted(chosen)]
    return ordered if any(os.path.realpath(path) == LAST for path in ordered) else [*ordered, LAST]


def _listing(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def settings(path: str) -> list[tuple[str, str, int]]:
    """Return key, value and line of each setting in a file; nothing where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            lines = handle.read().splitlines()
    except OSError:
        return []
    found = []
    for number, line in enumerate(lines, start=1):
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith(("#", ";")):
            found.append((dotted(key.strip().lstrip("-").strip()), " ".join(value.split()), number))
    return found


def dotted(key: str) -> str:
    """Return a key with dots, also where the file wrote slashes."""
    first = next((letter for letter in key if letter in "./"), ".")
    return key if first == "." else key.translate(str.maketrans("/.", "./"))


def after(path: str, keys: list[str]) -> dict[str, dict[str, object]]:
    """Return for each key that a file read after `path` sets: that file, the line and its value."""
    name = os.path.basename(path)
    return winners(keys, [one for one in files() if one == LAST or os.path.basename(one) > name])


def winners(keys: list[str], paths: list[str]) -> dict[str, dict[str, object]]:
    """Return for each key that these files set: the file, line and value that win, of those read in this order."""
    found: dict[str, dict[str, object]] = {}
    # A line that names a key wins over patterns, wherever they stand.
    exact: set[str] = set()
    for path in paths:
        for pattern, value, number in settings(path):
            for key in fnmatch.filter(keys, pattern):
                if key == pattern or key not in exact:
                    found[key] = {"file": path, "line": number, "value": value}
            if pattern in keys:
                exact.add(pattern)
    return found
