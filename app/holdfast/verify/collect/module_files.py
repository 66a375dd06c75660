"""Which modules are loaded at a start, by modules-load.d(5): before sysctl.d is applied. Runs on hosts."""

from __future__ import annotations

import os

from holdfast.verify.collect import declared

# A name in an earlier folder hides the same name in a later one.
FOLDERS = ("/etc/modules-load.d", "/run/modules-load.d", "/usr/local/lib/modules-load.d", "/usr/lib/modules-load.d",
           "/lib/modules-load.d")  # fmt: skip


def listed(names: list[str]) -> declared.Declared:
    """Return for each of these modules that a file names: the file and the line."""
    chosen: dict[str, str] = {}
    for folder in FOLDERS:
        for name in _listing(folder):
            if name.endswith(".conf"):
                chosen.setdefault(name, os.path.join(folder, name))
    found: declared.Declared = {}
    for path in chosen.values():
        for number, line in enumerate(declared.lines_of(path), start=1):
            # The kernel takes a hyphen for an underscore.
            name = line.strip().replace("-", "_")
            if name in names:
                found.setdefault(name, {"file": path, "line": number, "value": name})
    return found


def _listing(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
