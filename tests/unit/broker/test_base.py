"""What all brokers share: options and what they imply."""

from __future__ import annotations

import pytest

from holdfast.broker.base import NO_POSITION, PublishOptions


@pytest.mark.parametrize(("size", "ttl", "expected"), [(10, 60.0, True), (0, 60.0, False), (10, 0.0, False)])
def test_history_is_kept_with_both_size_and_ttl(size: int, ttl: float, expected: bool):
    """One of them alone keeps nothing, as in Centrifugo."""
    assert PublishOptions(history_size=size, history_ttl=ttl).keeps_history is expected


def test_no_position_is_that_of_a_channel_without_a_stream():
    """Offset 0 and no epoch."""
    assert NO_POSITION == (0, "")
