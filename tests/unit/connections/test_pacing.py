from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.connections.pacing import Lane, duration, lanes, pacing, quota
from holdfast.settings import ShutdownSettings


@given(st.integers(0, 100_000), st.floats(0, 600), st.floats(0, 540))
def test_quota_follows_the_window(total: int, elapsed: float, window: float) -> None:
    """Never more than everybody, never less than an even pace allows, everybody at the end."""
    due = quota(total, elapsed, window)

    assert 0 <= due <= total
    if elapsed >= window:
        assert due == total
    else:
        assert due <= total * elapsed / window


def test_pacing_of_an_instance_without_peers() -> None:
    """Alone there is nothing to wait for and little to pace; with peers the settings hold."""
    slow = ShutdownSettings(propagation_wait=15, drain_window=60)

    assert pacing(slow, is_shared=False) == (0.0, 2.0)
    assert pacing(slow, is_shared=True) == (15.0, 60.0)
    assert pacing(ShutdownSettings(drain_window=0.5), is_shared=False) == (0.0, 0.5)


@pytest.mark.parametrize(
    ("total", "window", "least", "most", "seconds"),
    [
        (600, 60, 5, 500, 60),  # within the bounds the window holds
        (10, 60, 5, 500, 2),  # a few clients take no minute
        (10_000, 2, 5, 500, 20),  # many are not all sent at once
        (10_000, 0, 0, 0, 0),
        (10, 60, 0, 0, 60),
        (0, 60, 5, 500, 0),
    ],
)
def test_duration_is_bounded(total: int, window: float, least: float, most: float, seconds: float) -> None:
    """The rate is connections by window, between the least and the most of the settings."""
    assert duration(total, window, least=least, most=most) == seconds


def test_lane_tells_each_once() -> None:
    """Everybody has one turn, evenly, and is not kept beyond it."""
    lane = Lane(list(range(10)), 5.0)

    assert len(lane.take(0.0)) == 0
    assert len(first := lane.take(1.0)) == 2
    assert lane.take(1.0) == []
    assert len(lane) == 8
    assert sorted(first + lane.take(9.0)) == list(range(10))
    assert len(lane) == 0


@pytest.mark.parametrize(("seconds", "grace", "told_by"), [(60.0, 10.0, 50.0), (8.0, 10.0, 4.0), (0.0, 10.0, 0.0)])
def test_lanes_leave_time_to_move(seconds: float, grace: float, told_by: float) -> None:
    """The last who can move is asked a grace before the end, or in the middle of a short drain."""
    movers, others = lanes(["mover"], ["other"], seconds, grace)

    assert movers.take(told_by) == ["mover"]
    assert others.take(seconds) == ["other"]
