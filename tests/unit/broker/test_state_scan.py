"""Walking over all keys: everything once at least, and never faster than told."""

from __future__ import annotations

from holdfast.broker.state_scan import PAGE, Pace, scan
from tests.redis_links import ScriptedLink


class Clock:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


async def test_pace_is_kept_on_the_average():
    """So many a second, and an idle time before gives no credit."""
    clock = Clock()
    pace = Pace(10, clock, clock.sleep)
    await pace.spend(5)
    await pace.spend(5)

    assert clock.now == 101.0
    clock.now += 50
    await pace.spend(10)
    assert clock.now == 152.0


async def test_scan_goes_through_all_pages():
    """Until the cursor is back at its beginning; keys that are nobody's of ours are left out, and empty pages paced."""
    clock = Clock()
    link = ScriptedLink([b"7", [b"p:{a}:m", b"p:other", b"p:l:{42}"]], [b"0", []])
    pages = [page async for page in scan(link, Pace(PAGE / 10, clock, clock.sleep))]

    assert [[key.kind for key in page] for page in pages] == [["meta", "sessions"], []]
    assert [command[:2] for command in link.commands] == [("SCAN", b"0"), ("SCAN", b"7")]
    assert clock.now == 102.0
