"""ConnectionDiagnosticService: why connections fail, end early or are slow to begin, and whether the way suits them."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.connections.core import Core
from holdfast.connections.records import EndedConnection, RefusedAttempt
from holdfast.connections.sightings import Sighting
from holdfast.connections.timings import StageSeconds
from holdfast.diagnostics.certificates import certificate_facts, certificate_findings
from holdfast.diagnostics.endings import ending_facts, ending_findings, find_limits
from holdfast.diagnostics.findings import Diagnosis
from holdfast.diagnostics.handshakes import failure_facts, failure_findings, percentiles, timing_findings
from holdfast.diagnostics.path_settings import products_seen, setting_findings
from holdfast.diagnostics.terms import Terms

SERVICE = "connections"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at one moment; judging it needs nothing else.

    `at` is Unix seconds, `opened` counts sessions since the start, `certificate` is the file's bytes, None without one.
    """

    at: float
    terms: Terms
    refused: tuple[RefusedAttempt, ...] = ()
    ended: tuple[EndedConnection, ...] = ()
    opened: int = 0
    live: int = 0
    timed: tuple[StageSeconds, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    descriptors: int = 0
    certificate: bytes | None = None
    certificate_fault: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """Who remembers: the ledger."""

    refused: Callable[[], Awaitable[Sequence[RefusedAttempt]]]
    ended: Callable[[], Awaitable[Sequence[EndedConnection]]]


class ConnectionDiagnosticService:
    """Diagnoses the connections of a running instance."""

    def __init__(self, core: Core, terms: Terms, records: Records, cert_file: Path | None) -> None:
        self._core = core
        self._terms = terms
        self._records = records
        self._cert_file = cert_file

    async def run(self) -> Diagnosis:
        """Return the diagnosis; what takes time happens beside the event loop."""
        core = self._core
        seen = {
            "at": core.wall_clock(),
            "terms": self._terms,
            "refused": tuple(await self._records.refused()),
            "ended": tuple(await self._records.ended()),
            "opened": core.timings.answered,
            "live": core.manager.count,
            "timed": core.timings.recent(),
            "sightings": core.sightings.recent(),
        }
        return await asyncio.to_thread(self._judge, seen)

    def _judge(self, seen: dict[str, Any]) -> Diagnosis:
        certificate, fault = _read(self._cert_file)
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        limit = descriptors if descriptors != resource.RLIM_INFINITY else 0
        return judge(Snapshot(**seen, descriptors=limit, certificate=certificate, certificate_fault=fault))


def judge(known: Snapshot) -> Diagnosis:
    """Return what is wrong, or that nothing is; pure."""
    products = products_seen(known.sightings)
    limits = find_limits(known.ended, products)
    findings = [
        *failure_findings(known.refused, known.opened),
        *ending_findings(known.ended, limits),
        *timing_findings(known.timed),
        *setting_findings(known.terms, known.sightings, known.refused, known.descriptors),
        *certificate_findings(known.certificate, known.certificate_fault, known.at),
    ]
    facts = {
        "terms": known.terms.as_json(),
        "connections": known.live,
        "handshakes": failure_facts(known.refused, known.opened),
        "endings": ending_facts(known.ended, limits),
        "stages": percentiles(known.timed),
        "proxies_seen": sorted(products),
        "certificate": certificate_facts(known.certificate),
    }
    return Diagnosis(SERVICE, tuple(findings), facts)


def _read(path: Path | None) -> tuple[bytes | None, str]:
    try:
        return (path.read_bytes(), "") if path is not None else (None, "")
    except OSError as error:
        return None, f"{path}: {error.strerror}"
