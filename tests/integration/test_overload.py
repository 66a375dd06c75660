"""At three times the accept rate nobody who is connected notices, and the gate is open again behind the crowd.

How many clients a second can connect to the gateway at all is measured first; a third of it is the accept rate. A crowd
then knocks three times as often as that, which is all that the gateway could do if it did nothing else; and a crowd of
three times all that it could do, more than it could refuse: most of those wait in the kernel's queue or before it until
they give up. Crowd and audience are processes of their own, on another core where there is one.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import Gateway, running
from tests.overload import result, start

SHARE = 1 / 3
MEASURE_SECONDS = 3
QUIET_SECONDS = 5
STORM_SECONDS = 10
LEAST = 0.66  # of the crowd that is wanted: one core must do for it and for the audience
REFUSAL_RATE = 500  # the default
MEMBERS = 100
MESSAGES_PER_SECOND = 50
OPEN_AGAIN_SECONDS = 10
QUEUE_SECONDS = 3  # at most that long does the crowd wait in the queue before it gives up
SETTINGS: dict[str, Any] = {"log": {"level": "info"}, "client": {"command_rate": 0}}


def what_it_takes(folder: Path) -> float:
    """Return how many clients a second connect where nothing holds them back."""
    with alone_on_a_core(folder, {"rate": 0}) as gateway:
        found = result(start("crowd", gateway.port, gateway.token("crowd"), 0, MEASURE_SECONDS), 60)
    assert set(found["outcomes"]) == {"accepted"}, found
    return float(found["outcomes"]["accepted"] / MEASURE_SECONDS)


@contextmanager
def alone_on_a_core(folder: Path, admission: dict[str, Any]) -> Iterator[Gateway]:
    """Start a gateway that has the first core to itself: what is measured is its loop, not who else wants a core."""
    with running(folder, {**SETTINGS, "admission": admission}) as gateway:
        os.sched_setaffinity(gateway.pid, sorted(os.sched_getaffinity(0))[:1])
        yield gateway


def knock(gateway: Gateway, rate: float, seconds: float) -> tuple[dict[str, int], float]:
    """Let a crowd knock, and return how many of them met which end, and how long it took them to knock."""
    found = result(start("crowd", gateway.port, gateway.token("crowd"), rate, seconds), 90)
    return dict(found["outcomes"]), float(found["seconds"])


def seconds_until_open(gateway: Gateway, rate: float) -> float:
    """Return how long it takes until everybody who keeps to nearly all of the rate is let in."""
    began = time.monotonic()
    while set(knock(gateway, 0.9 * rate, 1)[0]) != {"accepted"}:
        assert time.monotonic() - began < OPEN_AGAIN_SECONDS, gateway.log()[-3000:]
    return time.monotonic() - began - 1


def enter(audience: subprocess.Popen[str], phase: str, seconds: float = 0) -> None:
    """Let the audience name what it measures from now on."""
    assert audience.stdin is not None
    audience.stdin.write(f"{phase}\n")
    audience.stdin.flush()
    time.sleep(seconds)


@pytest.mark.proof
@pytest.mark.timeout(300)
@pytest.mark.parametrize("times", [SHARE * 3, 3.0], ids=["as-many-as-it-takes", "three-times-as-many"])
def test_overload_harms_nobody_who_is_connected(tmp_path: Path, times: float) -> None:
    """No message is lost or late while most of a crowd stay outside; seconds later everybody is let in again."""
    takes = what_it_takes(tmp_path)
    rate = SHARE * takes
    limits = {"rate": rate, "refusal_rate": REFUSAL_RATE, "burst": max(1, int(rate / 10)), "ramp": 0}
    with alone_on_a_core(tmp_path, limits) as gateway:
        audience = start("audience", gateway.port, gateway.token("audience"), MEMBERS, MESSAGES_PER_SECOND)
        assert audience.stdout is not None
        assert audience.stdout.readline() == "ready\n", audience.communicate()
        enter(audience, "warm", 1)
        enter(audience, "quiet", QUIET_SECONDS)
        enter(audience, "storm")
        outcomes, seconds = knock(gateway, times * takes, STORM_SECONDS)
        pauses = gateway.metric("holdfast_accept_pauses_total")
        enter(audience, "after")
        open_again = seconds_until_open(gateway, rate)
        enter(audience, "quiet", QUIET_SECONDS)  # before and behind, for the machine may have changed its mind
        heard = result(audience, 60)

    quiet, storm = heard["latency"]["quiet"], heard["latency"]["storm"]
    print(
        f"takes {takes:.0f}/s, accept rate {rate:.0f}/s, storm of {sum(outcomes.values()) / seconds:.0f}/s "
        f"for {seconds:.1f} s: {outcomes}, {pauses:.0f} pauses; "
        f"{heard['sent']} messages to {MEMBERS}, {heard['members_with_gaps']} with gaps; "
        f"p99 quiet {quiet['p99'] * 1000:.1f} ms, storm "
        f"{storm['p99'] * 1000:.1f} ms; open again after {open_again:.1f} s"
    )
    silent = {outcome for outcome in outcomes if outcome.endswith(": silence")}
    assert set(outcomes) - silent == {"accepted", "accept_rate"}
    assert sum(outcomes.values()) > LEAST * times * takes * seconds
    # Those in the queue are still answered when the last one has knocked.
    assert 0.8 * rate * seconds < outcomes["accepted"] < 1.2 * rate * (seconds + QUEUE_SECONDS)
    assert outcomes["accept_rate"] < 1.2 * REFUSAL_RATE * (seconds + QUEUE_SECONDS)
    assert heard["members_with_gaps"] == 0
    assert storm["count"] > 0.7 * MEMBERS * MESSAGES_PER_SECOND * STORM_SECONDS
    assert storm["p99"] <= 2 * quiet["p99"]
