"""Readers that stop reading, among many who go on: nobody else's messages take longer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parts import require
from tests.resilience.crowd import Crowd, Plan
from tests.resilience.fleet import Fleet, running_fleet
from tests.resilience.lab import Size, running_lab
from tests.resilience.publishers import Publishers

CHANNEL = "recover:flood"  # of those that stop reading; the others have channels of their own
# Without pings, or who does not read is cut off for its missing pong while the kernel takes all that is written.
SETTINGS = {"client": {"queue_max_size": 65536, "ping_interval": "1h"}}
MOST = 0.95  # one may be on its way back still when it should stop reading
CUT_OFF_SECONDS = 90.0  # what the kernel and HAProxy hold for a reader before the gateway has to: bytes, not a time


@dataclass(frozen=True)
class Trial:
    """Who reads what, in turns.

    Linux keeps some 2.5 MB for a reader on the loopback before the gateway has to: a turn must bring more than that.
    """

    slow: int
    size: Size
    flood_bytes: int
    flood_interval: float
    turns: int
    turn_seconds: float
    noise_ms: float  # of a machine that does other things too


FEW = Trial(20, Size(clients=180), 60_000, 0.03, turns=1, turn_seconds=5.0, noise_ms=25.0)
FULL = Trial(200, Size(clients=1800, channels=100, interval=1.0), 20_000, 0.1, turns=3, turn_seconds=30.0, noise_ms=0.0)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("trial", [pytest.param(FEW, id="few"), pytest.param(FULL, id="full", marks=pytest.mark.proof)])
def test_slow_readers_slow_nobody_else(tmp_path: Path, trial: Trial) -> None:
    """The p99 of everybody else stays within 1.5 times what it is while all read, in turns of one run.

    Who did not read was cut off, most of them without reading why, and has got everything in the end all the same, or
    was told where it was away for longer than history reaches.
    """
    for part in ("haproxy", "npm:tests/sdk"):
        require(part)
    with running_fleet(tmp_path, 1, SETTINGS) as fleet, running_lab(tmp_path, "slow-readers", fleet, trial.size) as lab:
        flood = Publishers(fleet.api_url, [CHANNEL], trial.flood_interval, trial.flood_bytes)
        tokens = [fleet.gateways[0].token("slow")]
        plan = Plan("plain", fleet.ws_url, trial.slow, [CHANNEL], tokens, channels_each=1)
        crowd = Crowd(plan, tmp_path / "slow.log")
        try:
            crowd.open()
            crowd.settle()
            lab.begin()
            flood.start()
            for turn in range(1, trial.turns + 1):
                lab.measure("all read", trial.turn_seconds)
                crowd.pause()
                lab.measure("some do not", trial.turn_seconds)
                wait_until_cut_off(fleet, int(trial.slow * MOST) * turn)
                crowd.resume()
            slow_ones = crowd.end(flood.stop().acknowledged, trial.size.patience)
            report = lab.end()
        finally:
            flood.abandon()
            crowd.kill()

    assert not report.faults()
    assert slow_ones["closes"].keys() <= {"slow_consumer", "transport closed"}, slow_ones["closes"]
    assert [slow_ones[name] for name in ("lost", "doubled", "outOfOrder", "left")] == [0] * 4
    assert slow_ones["told"] == 0 or trial is FULL  # turns of which history does not hold the whole
    for kind in trial.size.kinds:
        before, during = (report.latencies[f"{kind} {phase}"]["p99"] for phase in ("all read", "some do not"))
        assert during <= 1.5 * before + trial.noise_ms, report.show()


def wait_until_cut_off(fleet: Fleet, times: int) -> None:
    """Wait until the gateway has closed so many connections of slow readers."""
    deadline = time.monotonic() + CUT_OFF_SECONDS
    while (closed := fleet.gateways[0].metric("holdfast_closes_total", slug="slow_consumer")) < times:
        assert time.monotonic() < deadline, f"{closed} of {times} slow readers were cut off"
        time.sleep(0.5)
