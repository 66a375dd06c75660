"""ResourceDiagnosticService: the limits of an instance as they really are, and how many more connections fit.

In a running gateway it speaks for that process; on the command line for the process it is told, or for its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from holdfast.diagnostics.findings import Diagnosis, Finding
from holdfast.diagnostics.resources_facts import Facts, Rates, Sources, rates, read_counters, read_facts
from holdfast.diagnostics.resources_findings import judge, judge_headroom, judge_sockets
from holdfast.diagnostics.resources_headroom import Cost, Row, connection_cost, headroom, size_text
from holdfast.diagnostics.resources_proc import Proc
from holdfast.monitoring.socket_options import SocketOption, options_as_json
from holdfast.settings import Settings

SERVICE = "resources"
# Long enough for the clock ticks in which the kernel counts CPU time, short enough to wait for.
SAMPLE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Subject:
    """The process in question. How many connections it has, and its RSS before it had any, None where nobody knows.

    `socket_options` are those of its clients' sockets, which the process alone knows.
    """

    pid: int
    is_gateway: bool = False
    connections: Callable[[], int | None] = lambda: None
    baseline_bytes: Callable[[], int | None] = lambda: None
    socket_options: Callable[[], Sequence[SocketOption]] = lambda: ()


class ResourceDiagnosticService:
    """Measures twice, judges, and lists what each limit allows.

    Args:
        settings: those of the gateway in question.
        subject: its process.
        sources: where facts are read.
    """

    def __init__(
        self,
        settings: Settings,
        subject: Subject,
        sources: Sources | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._subject = subject
        self._sources = sources or Sources()
        self._clock = clock
        self._sleep = sleep
        # What was there before is not this gateway's: the kernel counts since boot, for all listeners.
        self._overflows = Proc(self._sources.root).network().listen_overflows

    async def run(self) -> Diagnosis:
        """Diagnose; takes a quarter of a second, and reads off the loop."""
        pid = self._subject.pid
        before = await asyncio.to_thread(read_counters, pid, self._clock(), self._sources)
        await self._sleep(SAMPLE_SECONDS)
        after = await asyncio.to_thread(read_facts, pid, self._clock(), self._sources)
        return self.judge(after, rates(before, after))

    def judge(self, facts: Facts, use: Rates | None) -> Diagnosis:
        """Say what is to be said of measurements."""
        subject, settings = self._subject, self._settings
        known = subject.connections()
        connections = known or 0
        cost = connection_cost(facts, connections, subject.baseline_bytes())
        rows = headroom(facts, use, connections, cost, settings)
        findings = (
            self._whose(known),
            *judge_headroom(rows, settings),
            self._memory(facts, cost),
            *judge(facts, use, settings, self._overflows),
            *judge_sockets(options := subject.socket_options()),
        )
        told = _as_json(facts, use, cost, rows, known)
        return Diagnosis(SERVICE, findings, {**told, "socket_options": options_as_json(options)})

    def _whose(self, connections: int | None) -> Finding:
        pid = self._subject.pid
        if self._subject.is_gateway:
            number = "an unknown number of" if connections is None else f"{connections:,}"
            return Finding("process", "ok", f"The gateway, process {pid}, with {number} connections.")
        remedy = "Ask the gateway with --url or settings that have admin.token, or name its process with --pid."
        what = f"No gateway was asked: these are the limits of process {pid}, as one started from here would have."
        return Finding("process", "unknown", what, "", remedy)

    def _memory(self, facts: Facts, cost: Cost) -> Finding:
        rss = facts.process.rss_bytes
        what = f"{size_text(cost.process_bytes)} a connection, and {size_text(cost.kernel_bytes)} of the kernel."
        resident = "" if rss is None else f"; {size_text(rss)} resident in all"
        return Finding("connection_memory", "ok", what, f"{cost.source}{resident}")


def _as_json(facts: Facts, use: Rates | None, cost: Cost, rows: list[Row], connections: int | None) -> dict[str, Any]:
    process = asdict(facts.process)
    process["sockets"] = len(process.pop("inodes"))
    shared = [row for row in rows if not row.per_proxy]
    return {
        "connections": connections,
        "more_connections": shared[0].more if shared else None,
        "first_limit": shared[0].limit if shared else None,
        "headroom": [asdict(row) for row in rows],
        "connection_bytes": {"process": cost.process_bytes, "kernel": cost.kernel_bytes, "source": cost.source},
        "process": process,
        "network": asdict(facts.network),
        "host": asdict(facts.host),
        "cgroup": asdict(facts.cgroup),
        "listeners": [listener._asdict() for listener in facts.listeners],
        "rates": None if use is None else use._asdict(),
    }
