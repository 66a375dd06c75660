from __future__ import annotations

import msgspec
import pytest

from holdfast.protocol.commands import Command, FilterNode, SubscribeRequest


def test_filter_nodes_share_no_lists() -> None:
    """What one filter holds is not in another."""
    one, other = FilterNode(), FilterNode()
    one.vals.append("a")

    assert other.vals == []
    assert msgspec.json.encode(other) == b"{}"


@pytest.mark.parametrize("offset", [0, 2**63, 2**64 - 1])
def test_subscribe_takes_every_position_there_is(offset: int) -> None:
    """Positions are unsigned 64-bit numbers."""
    assert msgspec.convert({"offset": offset}, SubscribeRequest).offset == offset


@pytest.mark.parametrize("number", [-1, 2**32])
def test_command_refuses_ids_beyond_32_bits(number: int) -> None:
    """Ids are unsigned 32-bit numbers."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"id": number}, Command)
