"""A handler that stands before another one."""

from __future__ import annotations

from holdfast.broker.relay import Relay
from holdfast.protocol.messages import ClientInfo, StreamPosition
from tests.brokers import Recorder, publication


def test_everything_is_handed_on_as_it_came():
    """The handler behind it notices no difference."""
    seen, info, what = Recorder(), ClientInfo("ann", "c1"), publication("1")
    relay = Relay(seen)
    relay.on_publication("a", what, StreamPosition(3, "e"), True)
    relay.on_join("a", info)
    relay.on_leave("b", info)
    relay.on_control(b"word")
    relay.on_interrupted()
    relay.on_resumed(["a"])

    assert seen.publications == [("a", what, StreamPosition(3, "e"))]
    assert seen.deltas == [True]
    assert (seen.joins, seen.leaves, seen.messages) == ([("a", info)], [("b", info)], [b"word"])
    assert (seen.interruptions, seen.resumed) == (1, [{"a"}])
