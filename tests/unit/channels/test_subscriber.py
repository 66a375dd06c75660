from __future__ import annotations

from holdfast.channels.subscriber import GONE, Batch


def test_gone_takes_everything_and_does_nothing() -> None:
    """Who left in the middle of a fan-out is passed by without a check for it."""
    assert not GONE.flowing

    GONE.write_slow(b"unit")
    GONE.on_write_failed(ValueError())


def test_batch_begins_at_its_first_target() -> None:
    """A new batch has reached nobody."""
    assert Batch(b"unit", 2, [GONE]).next == 0
