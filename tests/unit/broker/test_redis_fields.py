"""Expiring fields but for Redis: arguments and answers; what they promise is in the broker suite."""

from __future__ import annotations

import pytest

from holdfast.broker.redis_fields import ExpiringFields, milliseconds
from tests.redis_links import ScriptedLink


@pytest.mark.parametrize(("seconds", "expected"), [(1.5, 1500), (0.0001, 1), (0, 0), (-1, -1000)])
def test_times_are_rounded_up(seconds: float, expected: int):
    """A value never ends before its time."""
    assert milliseconds(seconds) == expected


async def test_calls_and_answers():
    """Each call is one script on the one key."""
    link = ScriptedLink(1, 0, b"a", None, 1, 0, 1, [b"\xc3\xa4", b"1", b"b", b"2"], [])
    fields = ExpiringFields(link)
    await fields.put(b"k", "n", b"v", 2)

    assert await fields.add(b"k", "n", b"v", 2) is False
    assert await fields.get(b"k", "n") == b"a"
    assert await fields.get(b"k", "n") is None
    assert await fields.swap(b"k", "n", b"old", b"new", 2) is True
    assert await fields.swap(b"k", "n", b"old", b"new", 2) is False
    assert await fields.delete(b"k", "n") is True
    assert await fields.read(b"k") == {"ä": b"1", "b": b"2"}
    assert await fields.read(b"k") == {}
    assert {tuple(keys) for _, keys, _ in link.calls} == {(b"k",)}
    assert [args for _, _, args in link.calls][:5] == [
        ["n", 2000, b"v"],
        ["n", 2000, b"v"],
        ["n"],
        ["n"],
        ["n", 2000, b"new", b"old"],
    ]
