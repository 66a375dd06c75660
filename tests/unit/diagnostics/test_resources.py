"""Tests of holdfast.diagnostics.resources."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from holdfast.diagnostics.findings import Diagnosis
from holdfast.diagnostics.resources import SAMPLE_SECONDS, ResourceDiagnosticService, Subject
from holdfast.diagnostics.resources_facts import Sources
from holdfast.diagnostics.resources_listeners import Listener
from holdfast.settings import Settings
from tests.unit.diagnostics.machines import machine


def run(root: Path, subject: Subject) -> Diagnosis:
    """Diagnose a machine made of files, in no time."""
    moments = iter((10.0, 11.0))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        (root / "proc/net/dev").write_text("head\nhead\n eth0: 3000 1 0 0 0 0 0 0 2000 1 0 0 0 0 0 0\n")

    sources = Sources(root, lambda: [Listener(111, 8000, 128, 0)])
    service = ResourceDiagnosticService(Settings(), subject, sources, clock=lambda: next(moments), sleep=sleep)
    found = asyncio.run(service.run())
    assert slept == [SAMPLE_SECONDS]
    return found


def test_run_speaks_for_the_gateway(tmp_path: Path) -> None:
    """Connections, what one costs, how many more fit and what comes first; facts for programs."""
    subject = Subject(7, True, lambda: 1000, lambda: 41 * 1024 * 1024)
    found = run(machine(tmp_path), subject)
    facts = json.loads(json.dumps(found.as_json()))["facts"]

    assert (facts["connections"], facts["first_limit"]) == (1000, "conntrack")
    assert facts["more_connections"] == 100
    assert facts["connection_bytes"]["process"] == 9 * 1024 * 1024 / 1000
    assert facts["rates"]["received_bytes"] == 2000
    assert facts["process"]["sockets"] == 2
    assert facts["listeners"] == [{"inode": 111, "port": 8000, "backlog": 128, "waiting": 0}]
    assert found.findings[0].severity == "ok"
    assert "1,000 connections" in found.findings[0].summary


def test_run_says_that_it_speaks_for_nobody(tmp_path: Path) -> None:
    """A shell's limits are not the gateway's."""
    found = run(machine(tmp_path), Subject(7))

    assert (found.findings[0].check, found.findings[0].severity) == ("process", "unknown")
    assert found.facts["connections"] is None


def test_run_bears_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    """Elsewhere than on Linux there is still the configured limit."""
    (tmp_path / "proc/net").mkdir(parents=True)
    found = run(tmp_path, Subject(7, True))

    assert found.facts["first_limit"] == "max_connections"
