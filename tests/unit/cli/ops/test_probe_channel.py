"""Each numbered message is accounted for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.cli.conversation import Noticed, Received
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.probe_channel import Prober


def seen(prober: Prober, *numbers: int) -> None:
    """Let these messages come."""
    for number in numbers:
        prober.take(Received("drill", {"run": prober._run, "n": number}))


def test_all_came() -> None:
    """Once, in order; what another drill says does not count."""
    prober = Prober("drill", 10)
    prober._sent = {1, 2, 3}
    seen(prober, 1, 2, 3)
    prober.take(Received("drill", {"run": "other", "n": 4}))
    prober.take(Received("drill", "text"))
    prober.account()
    counted = prober.counted

    assert (counted.acknowledged, counted.received, counted.doubled, counted.disordered) == (3, 3, 0, 0)
    assert counted.lost == []


def test_what_went_wrong_is_told_apart() -> None:
    """Lost, doubled, out of order, and gaps that the client was told of; what came before it listened is no loss."""
    prober = Prober("drill", 10)
    prober._sent = {1, 2, 3, 4, 5}
    seen(prober, 2, 4, 3, 4)
    prober.take(Noticed("drill: what was missed could not be recovered"))
    prober.take(Noticed("connected"))
    prober.account()
    counted = prober.counted

    assert counted.lost == [5]
    assert (counted.doubled, counted.disordered, counted.gaps) == (1, 1, 1)


async def test_publications_are_repeated_under_their_key() -> None:
    """Until they are acknowledged; then the next number has its turn. The longest such time is told."""
    prober = Prober("drill", 1000)
    calls: list[str] = []

    def publish(data: dict[str, Any], key: str) -> None:
        calls.append(key.rpartition("-")[2])
        if len(calls) == 1:
            raise CliError("away", Exit.REFUSED)
        if data["n"] == 3:
            prober._over.set()

    async with asyncio.timeout(30):
        await prober._publish(publish)

    assert calls == ["1", "1", "2", "3"]
    assert prober._sent == {1, 2, 3}
    assert 0.2 <= prober.counted.longest_wait < 30


async def test_channel_that_stays_silent() -> None:
    """Is no drill: could not check."""
    with pytest.raises(CliError, match="no message came") as raised:
        await Prober("drill", 1).until_connected(0)
    assert raised.value.code == Exit.UNKNOWN
