from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from holdfast.connections.sightings import Sighting
from holdfast.connections.timings import StageSeconds
from holdfast.diagnostics.connections import ConnectionDiagnosticService, Records, Snapshot, judge
from tests.brokers import Clock
from tests.certificates import write_certificate
from tests.live import World
from tests.unit.diagnostics.ends import cut_when_idle
from tests.unit.diagnostics.way import GATEWAY

QUIET = Snapshot(at=1_700_000_000.0, terms=GATEWAY)


async def nothing() -> tuple[Any, ...]:
    """Remember nothing."""
    return ()


def service(world: World, cert_file: Path | None = None, ended: Any = nothing) -> ConnectionDiagnosticService:
    """Make a service for an instance."""
    return ConnectionDiagnosticService(world.core, GATEWAY, Records(nothing, ended), cert_file)


def test_judging_nothing_is_fine() -> None:
    """An instance that has just started has nothing wrong."""
    diagnosis = judge(QUIET)

    assert (diagnosis.service, diagnosis.severity, diagnosis.exit_code) == ("connections", "ok", 0)


def test_judging_takes_everything_in() -> None:
    """Ends, stages, addresses and the certificate are all looked at."""
    diagnosis = judge(
        replace(
            QUIET,
            ended=tuple(cut_when_idle(Random(1), 40, 60.0, 120.0)),
            timed=(StageSeconds(0.0, 0.0, 3.0, 0.0),) * 30,
            sightings=(Sighting("10.0.0.1", True, False, ("Heroku",)),) * 10,
            descriptors=100,
            certificate=b"broken",
        )
    )
    wrong = {one.check for one in diagnosis.findings if one.severity != "ok"}

    assert wrong == {"proxy_idle_cut", "slow_token", "trusted_proxies", "descriptors", "tls_unreadable"}
    assert diagnosis.exit_code == 2
    assert diagnosis.facts["proxies_seen"] == ["Heroku"]


def test_diagnosis_is_json() -> None:
    """What a program reads is what was found, whatever it was."""
    diagnosis = judge(replace(QUIET, ended=tuple(cut_when_idle(Random(1), 40, 60.0, 120.0))))

    assert json.loads(json.dumps(diagnosis.as_json()))["facts"]["endings"]["limits"]


async def test_service_reads_the_instance() -> None:
    """Live connections, answered connects and what the ledger remembers are in the diagnosis."""
    world = await World(Clock(1_700_000_000.0)).start()
    world.connect()

    async def ended() -> Any:
        return cut_when_idle(Random(1), 40, 3.0, 25.0)

    diagnosis = await asyncio.wait_for(service(world, ended=ended).run(), 30)

    assert diagnosis.facts["connections"] == 1
    assert diagnosis.facts["endings"]["ended"] == 40
    assert [one.severity for one in diagnosis.findings if one.check == "proxy_idle_cut"] == ["critical"]


async def test_service_reads_the_certificate(tmp_path: Path) -> None:
    """The file is read at each look, for it may have been renewed; one that is gone is a finding."""
    world = await World(Clock(1_700_000_000.0)).start()
    cert_file, _ = write_certificate(tmp_path)
    assert (await service(world, cert_file).run()).facts["certificate"]["names"] == ["gateway.test", "127.0.0.1"]
    cert_file.unlink()
    findings = (await service(world, cert_file).run()).findings

    assert [one.severity for one in findings if one.check == "tls_unreadable"] == ["unknown"]


@pytest.mark.parametrize("limit", [(1024, 4096), (-1, -1)])
async def test_service_reads_the_descriptor_limit(limit: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that is too low is found; no limit is none."""
    world = await World(Clock(1_700_000_000.0)).start()
    monkeypatch.setattr("resource.getrlimit", lambda _: limit)
    checks = {one.check for one in (await service(world).run()).findings}

    assert ("descriptors" in checks) is (limit[0] == 1024)
