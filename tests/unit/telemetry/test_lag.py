import pytest

from holdfast.telemetry.lag import measure_forever


class Enough(Exception):
    """Ends the loop that has no end."""


async def test_measure_forever_lateness():
    """What is told is by how much a second was overslept, and never a negative number."""
    now = 10.0
    naps = [1.0, 1.25, 0.5]
    seen = []

    async def sleep(seconds):
        nonlocal now
        assert seconds == 1.0
        if not naps:
            raise Enough
        now += naps.pop(0)

    with pytest.raises(Enough):
        await measure_forever(seen.append, lambda: now, sleep)
    assert seen == [0.0, 0.25, 0.0]
