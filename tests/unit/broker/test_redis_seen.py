from __future__ import annotations

from holdfast.broker.redis_seen import UNSEEN, Seen, SeenPositions


def test_positions_go_on():
    """The highest one counts, whichever way it came."""
    seen = SeenPositions()
    seen.follow("news")

    assert not seen.note("news", Seen("e", 5, b"r"))
    assert not seen.note("news", Seen("e", 4, b"r"))

    assert seen.get("news") == Seen("e", 5, b"r")
    assert seen.get("other") == UNSEEN


def test_position_under_another_run_has_to_be_looked_at():
    """What was seen before it stays until the look is over."""
    seen = SeenPositions()
    seen.note("news", Seen("e", 5, b"r"))

    assert seen.note("news", Seen("e", 6, b"s"))
    assert seen.get("news").offset == 5
    seen.settle("news", Seen("e", 6, b"s"))
    assert seen.get("news") == Seen("e", 6, b"s")


def test_new_epoch_is_taken_after_a_look():
    """Nobody else may know what was seen of the epoch before, so that is compared first."""
    seen = SeenPositions()
    seen.note("news", Seen("e", 5, b"r"))

    assert seen.note("news", Seen("f", 1, b"s"))
    assert seen.get("news") == Seen("e", 5, b"r")
    seen.settle("news", Seen("f", 1, b"s"))
    assert seen.get("news") == Seen("f", 1, b"s")


def test_channel_is_remembered_after_it_was_left():
    """The latest ones, up to a number; what is followed is never forgotten."""
    seen = SeenPositions(2)
    seen.follow("kept")
    seen.note("kept", Seen("e", 1, b"r"))
    seen.follow("empty")
    seen.leave("empty")
    for name in ("a", "b", "a", "c"):
        seen.note(name, Seen("e", 1 + len(name), b"r"))

    assert [seen.get(name).offset for name in ("kept", "a", "b", "c")] == [1, 2, 0, 2]
    seen.leave("kept")
    assert seen.get("kept").offset == 1


def test_channels_of_other_runs_are_found():
    """After a failover those that were seen before it have to be looked at."""
    seen = SeenPositions()
    for name, run in (("a", b"r"), ("b", b"s"), ("c", b"r")):
        seen.note(name, Seen("e", 1, run))
    seen.follow("c")
    seen.follow("unseen")

    assert set(seen.of_other_runs(frozenset({b"s"}))) == {"a", "c"}
