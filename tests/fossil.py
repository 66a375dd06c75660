"""Applies deltas of the Fossil format; written from its description, independent of the encoder."""

from __future__ import annotations

from holdfast.protocol.fossil import checksum

_VALUES = {
    digit: value for value, digit in enumerate(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~")
}


def apply_delta(base: bytes, delta: bytes) -> bytes:
    """Return what the delta makes of `base`.

    Raises:
        ValueError: it is no delta, or not one of this base.
    """
    size, at = _number(delta, 0)
    at = _expect(delta, at, b"\n")
    made = bytearray()
    while True:
        count, at = _number(delta, at)
        sign, at = delta[at : at + 1], at + 1
        if sign == b"@":
            place, at = _number(delta, at)
            at = _expect(delta, at, b",")
            if place + count > len(base):
                raise ValueError("a copy reaches behind the base")
            made += base[place : place + count]
        elif sign == b":":
            made += delta[at : at + count]
            at += count
        elif sign == b";":
            if len(made) != size or checksum(bytes(made)) != count or at != len(delta):
                raise ValueError("the delta is of another base")
            return bytes(made)
        else:
            raise ValueError(f"unknown operator {sign!r}")


def _number(delta: bytes, at: int) -> tuple[int, int]:
    value, start = 0, at
    while at < len(delta) and delta[at] in _VALUES:
        value = value * 64 + _VALUES[delta[at]]
        at += 1
    if at == start:
        raise ValueError("expected a number")
    return value, at


def _expect(delta: bytes, at: int, sign: bytes) -> int:
    if delta[at : at + 1] != sign:
        raise ValueError(f"expected {sign!r}")
    return at + 1
