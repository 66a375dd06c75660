"""Deltas in the format of the Fossil SCM, which Centrifuge SDKs apply; pure functions.

A delta copies pieces of the old text and inserts what is new: `SIZE\\n`, then `N@PLACE,` (copy) and `N:BYTES` (insert),
then `CHECKSUM;`, numbers in base 64 (fossil-scm.org, Delta Format). What both texts begin and end with is found
by comparing slices. In between, blocks of the old text are looked up in a table, and a hit is extended both ways.
"""

from __future__ import annotations

import sys
from array import array

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
# A copy takes up to about this many bytes itself.
_SHORTEST_COPY = 8
_SMALLEST_BLOCK = 16
# Bounds of the work, whatever the texts are: blocks in the table, places of one block tried, and the sum of what
# lookups (1 each, about 0.1 us) and trials cost. When it is used up, the rest is inserted.
_MOST_BLOCKS = 4096
_MOST_TRIALS = 8
_GOOD_ENOUGH = 128  # bytes; a match of that length is not compared with others
_MOST_WORK = 50_000
_TRIAL_WORK = 16


def create(base: bytes, target: bytes) -> bytes:
    """Return a delta that makes `target` of `base`; it may be longer than `target`.

    Where `target` is UTF-8 every insert is, so the delta can travel in a JSON string. The time is proportional to the
    sizes, with a bounded part (a few milliseconds) for what differs.
    """
    writer = _Writer(target)
    shorter = min(len(base), len(target))
    head = _equal_ahead(base, 0, target, 0, shorter)
    tail = _equal_behind(base, len(base), target, len(target), shorter - head)
    writer.copy(0, 0, head)
    _copy_between(writer, base, target, (head, len(target) - tail))
    writer.copy(len(target) - tail, len(base) - tail, tail)
    return writer.finish()


def checksum(data: bytes) -> int:
    """Return the format's checksum: the sum of the big-endian 32-bit words, the last one filled up with zeros."""
    words = array("I", data + bytes(-len(data) % 4))
    if sys.byteorder == "little":  # pragma: no branch - tests run on such machines
        words.byteswap()
    return sum(words) & 0xFFFFFFFF


class _Writer:
    """Puts a delta together; what was not copied when a copy comes is inserted before it."""

    __slots__ = ("_parts", "_target", "done")

    def __init__(self, target: bytes) -> None:
        self._target = target
        self._parts = [_number(len(target)), b"\n"]
        self.done = 0  # bytes of the target that the delta makes so far

    def copy(self, at: int, place: int, size: int) -> None:
        """Make `size` bytes of the target from `at` on by a copy from `place`, unless that does not pay."""
        target, end = self._target, at + size
        for _ in range(3):  # a character of UTF-8 has up to three bytes behind its first; none is cut in two
            if at < end and target[at] & 0xC0 == 0x80:
                at += 1
                place += 1
            if at < end < len(target) and target[end] & 0xC0 == 0x80:
                end -= 1
        if end - at < _SHORTEST_COPY:
            return
        self._insert(at)
        self._parts += (_number(end - at), b"@", _number(place), b",")
        self.done = end

    def finish(self) -> bytes:
        """Return the delta."""
        self._insert(len(self._target))
        self._parts += (_number(checksum(self._target)), b";")
        return b"".join(self._parts)

    def _insert(self, end: int) -> None:
        if end > self.done:
            self._parts += (_number(end - self.done), b":", self._target[self.done : end])


def _copy_between(writer: _Writer, base: bytes, target: bytes, span: tuple[int, int]) -> None:
    """Copy what the span of the target has in common with any part of the base."""
    size = max(_SMALLEST_BLOCK, len(base) // _MOST_BLOCKS + 1)
    at, end = span
    if end - at < size or len(base) < size:
        return
    table, former = _index(base, size)
    work = _MOST_WORK
    while work > 0:
        last = min(end - size, at + work)
        found = next((place for place in range(at, last + 1) if target[place : place + size] in table), -1)
        if found < 0:
            return
        block = table[target[found : found + size]]
        start, place, length, trials = _longest(base, target, (found, writer.done, end), (block, size, former))
        writer.copy(start, place, length)
        work -= found - at + trials * _TRIAL_WORK
        at = start + length


def _index(base: bytes, size: int) -> tuple[dict[bytes, int], list[int]]:
    """Return the number of the last block of each content, and for each block the one before it of equal content."""
    table: dict[bytes, int] = {}
    former = []
    for number in range(len(base) // size):
        block = base[number * size : number * size + size]
        former.append(table.get(block, -1))
        table[block] = number
    return table, former


def _longest(
    base: bytes, target: bytes, where: tuple[int, int, int], blocks: tuple[int, int, list[int]]
) -> tuple[int, int, int, int]:
    """Return the longest match through a block: its start in the target and in the base, its length; and the trials."""
    at, done, end = where
    block, size, former = blocks
    best, trials = (at, 0, 0), 0
    while block >= 0 and trials < _MOST_TRIALS and best[2] < _GOOD_ENOUGH:
        place = block * size
        ahead = _equal_ahead(base, place, target, at, min(len(base) - place, end - at))
        behind = _equal_behind(base, place, target, at, min(place, at - done))
        if ahead + behind > best[2]:
            best = (at - behind, place - behind, ahead + behind)
        block = former[block]
        trials += 1
    return *best, trials


def _equal_ahead(one: bytes, i: int, other: bytes, j: int, most: int) -> int:
    """Return how many bytes from two places on are equal, at most `most`."""
    done, step = 0, 64
    while done < most:
        size = min(step, most - done)
        left, right = one[i + done : i + done + size], other[j + done : j + done + size]
        if left != right:
            # The lowest bit in which they differ as numbers stands in the first byte in which they differ.
            difference = int.from_bytes(left, "little") ^ int.from_bytes(right, "little")
            return done + ((difference & -difference).bit_length() - 1 >> 3)
        done += size
        step *= 2
    return done


def _equal_behind(one: bytes, i: int, other: bytes, j: int, most: int) -> int:
    """Return how many bytes before two places are equal, at most `most`."""
    done, step = 0, 64
    while done < most:
        size = min(step, most - done)
        left, right = one[i - done - size : i - done], other[j - done - size : j - done]
        if left != right:
            difference = int.from_bytes(left, "big") ^ int.from_bytes(right, "big")
            return done + ((difference & -difference).bit_length() - 1 >> 3)
        done += size
        step *= 2
    return done


def _number(value: int) -> bytes:
    digits = _DIGITS[value & 63]
    while value := value >> 6:
        digits = _DIGITS[value & 63] + digits
    return digits.encode()
