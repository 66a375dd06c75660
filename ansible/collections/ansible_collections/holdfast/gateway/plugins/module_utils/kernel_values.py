"""Read and write what the kernel shows as files: sysctls by key, everything else by path. Runs on hosts."""

from __future__ import annotations

import os

# A link to what `holdfast profile check` reads with, so that a role and a check see the same value.
from ansible_collections.holdfast.gateway.plugins.module_utils.kernel_reading import normal, path_of, read


def is_writable(name: str) -> bool:
    """Tell whether a write can succeed; the kernel answers for 0444 keys and read-only mounts, also to root."""
    return os.access(path_of(name), os.W_OK)


def write(name: str, value: str) -> str:
    """Set a value and read it back; return what went wrong, or an empty text."""
    try:
        with open(path_of(name), "w", encoding="ascii") as handle:
            handle.write(value + "\n")
    except OSError as error:
        return f"{name}: expected to write {value}, the kernel answered {error.strerror}"
    seen = read(name)
    return "" if seen == normal(value) else f"{name}: wrote {value}, the kernel has {seen}"
