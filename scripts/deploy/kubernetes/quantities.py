"""Quantities as Kubernetes writes them: `250m`, `1.5Gi`, `12`. Pure."""

from __future__ import annotations

import re

UNITS = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
}  # fmt: skip
QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)")


def amount(text: object) -> float:
    """Return a quantity as a number.

    Raises:
        ValueError: it is none.
    """
    match = QUANTITY.fullmatch(str(text).strip())
    if match is None or match[2] not in UNITS:
        raise ValueError(f"expected a quantity such as 250m or 1.5Gi, got {text!r}")
    return float(match[1]) * UNITS[match[2]]


def shown(value: float, name: str) -> str:
    """Return a number as a person reads it: memory in MiB, all else plainly."""
    return f"{value / 2**20:.0f}Mi" if "memory" in name or "storage" in name else f"{value:g}"
