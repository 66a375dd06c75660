"""What a live connection keeps of its attempt, in as few bytes as possible: id, timings, and what its client can do.

There are tens of thousands of them, so all share one bytes object: 16 bytes of id, a half-precision float (good to a
thousandth) for each step, and a byte of flags, for which the allocator's block of 64 bytes has room.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

STEPS: Final = ("upgrade", "command", "token", "connect")
"""How far an attempt gets: the transport is open, the connect command came, its token was good, the session is open."""

_ID_BYTES: Final = 16
_TIMINGS: Final = struct.Struct(f"<{len(STEPS)}e")
_CAN_MIGRATE: Final = b"\1"
_CAN_NOT: Final = b"\0"
_LENGTH: Final = _ID_BYTES + _TIMINGS.size + 1
_LONGEST: Final = 65504.0  # seconds; the largest number of half precision
_MOST_AGENTS: Final = 256
_AGENT_LENGTH: Final = 64

# What the Centrifuge SDKs call themselves, unless the application says otherwise.
_SDKS: Final = frozenset({"js", "python", "go", "swift", "java", "dart", "csharp"})


def pack(attempt: str, timings: Mapping[str, float], *, can_migrate: bool = False) -> bytes:
    """Return the trace of an attempt; steps that are not in `timings` become NaN."""
    moments = (min(timings.get(step, float("nan")), _LONGEST) for step in STEPS)
    return pack_id(attempt) + _TIMINGS.pack(*moments) + (_CAN_MIGRATE if can_migrate else _CAN_NOT)


def pack_id(attempt: str) -> bytes:
    """Return an id of 32 hexadecimal digits as 16 bytes; another text as itself, cut or filled up."""
    try:
        packed = bytes.fromhex(attempt) if len(attempt) == 2 * _ID_BYTES else b""
    except ValueError:
        packed = b""
    return packed or attempt.encode()[:_ID_BYTES].ljust(_ID_BYTES, b"\0")


def attempt_of(trace: bytes) -> str:
    """Return the attempt's id."""
    return trace[:_ID_BYTES].hex()


def timings_of(trace: bytes) -> dict[str, float]:
    """Return the seconds from the accept to each step that was noted."""
    if len(trace) != _LENGTH:
        return {}
    moments = _TIMINGS.unpack_from(trace, _ID_BYTES)
    return {step: moment for step, moment in zip(STEPS, moments, strict=True) if moment == moment}


def can_migrate(trace: bytes) -> bool:
    """Tell whether the client moves to another instance when it is asked to."""
    return trace[-1:] == _CAN_MIGRATE and len(trace) == _LENGTH


def key_of(attempt: str) -> int:
    """Return what an index knows an attempt by: 60 bits of its id, an int that needs but 32 bytes."""
    return int.from_bytes(pack_id(attempt)[:8], "big") >> 4


class Agents:
    """What clients call themselves, each name kept once for all that share it."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._known)

    def share(self, name: str, version: str) -> str:
        """Return `name/version`, shortened; clients choose both, so only so many are remembered."""
        agent = f"{name}/{version}"[:_AGENT_LENGTH] if version else name[:_AGENT_LENGTH]
        if len(self._known) < _MOST_AGENTS:
            return self._known.setdefault(agent, agent)
        return self._known.get(agent, agent)


def sdk_of(agent: str) -> str:
    """Return the SDK that an agent is, `other` where none is known to call itself so."""
    name = agent.partition("/")[0]
    return name if name in _SDKS else "other"
