"""Client ids: random, and they begin with the moment of the connect.

Nobody has to remember for each connection since when it is there, and ids sort by age.
"""

from __future__ import annotations

import os

_MOMENT_DIGITS = 12  # 48 bits of milliseconds last for 8,900 years
_RANDOM_BYTES = 10


def make(now: float) -> str:
    """Return a new id of 32 hexadecimal digits; `now` in Unix seconds."""
    return prefix_of(now) + os.urandom(_RANDOM_BYTES).hex()


def prefix_of(moment: float) -> str:
    """Return what ids begin with that are made at this moment; those made before it are less than it."""
    return f"{int(moment * 1000):0{_MOMENT_DIGITS}x}"


def connected_at(client: str) -> float:
    """Return when an id was made, in Unix seconds."""
    return int(client[:_MOMENT_DIGITS], 16) / 1000
