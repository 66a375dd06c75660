"""Keeps what came of each stage, with its time, and puts a failure where it belongs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from holdfast.codes_stages import STAGES, Stage
from holdfast.diagnostics.probe.budget import Budget
from holdfast.diagnostics.probe.report import StageReport
from holdfast.diagnostics.probe.verdict import FailedError, Verdict

Facts = dict[str, Any]
Late = Callable[[float], Verdict]
"""From the seconds that were waited to the verdict that it took too long."""

_NOT_REACHED = "not reached"
_NOT_TOLD = "not told apart: the answer names one cause"


class Record:
    """The stages of one walk."""

    def __init__(self, budget: Budget, clock: Callable[[], float]) -> None:
        self._budget = budget
        self._clock = clock
        self._stages: dict[Stage, StageReport] = {}
        self._broken: StageReport | None = None
        self._is_late = False

    @asynccontextmanager
    async def step(self, stage: Stage, late: Late) -> AsyncIterator[Facts]:
        """Time a stage and end it when its time is over; its facts are put into what this yields.

        Raises:
            FailedError: whatever failed in it, or `late`.
        """
        started = self._clock()
        facts: Facts = {}
        try:
            async with asyncio.timeout_at(self._budget.end_of(stage)):
                yield facts
        except TimeoutError:
            seconds = self._clock() - started
            self._is_late = True
            self._broken = StageReport(stage, "failed", seconds, facts)
            raise FailedError(late(seconds)) from None
        except FailedError:
            self._broken = StageReport(stage, "failed", self._clock() - started, facts)
            raise
        if stage not in self._stages:
            self._stages[stage] = StageReport(stage, "ok", self._clock() - started, facts)

    def passed(self, stage: Stage, facts: Mapping[str, Any], seconds: float = 0.0) -> None:
        """Note a stage that another one's answer proved to be fine."""
        self._stages[stage] = StageReport(stage, "ok", seconds, facts)

    def skipped(self, stage: Stage, reason: str, **facts: Any) -> None:
        """Note why a stage was not walked."""
        self._stages[stage] = StageReport(stage, "skipped", 0.0, {"reason": reason, **facts})

    def failed(self, stage: Stage) -> None:
        """Put the step that broke where its cause belongs.

        A cause of a later stage shows in the answer to an earlier one, which is fine then; one of an earlier stage is
        told by what a later one got for an answer.
        """
        broken = self._broken
        if broken is None:
            return
        here = StageReport(stage, "failed", broken.seconds, broken.facts)
        if STAGES.index(stage) > STAGES.index(broken.stage) and self._is_late:
            self.skipped(broken.stage, "its answer did not come")
        elif STAGES.index(stage) > STAGES.index(broken.stage):
            self._stages[broken.stage] = StageReport(broken.stage, "ok", broken.seconds, broken.facts)
            here = StageReport(stage, "failed")
            for between in STAGES[STAGES.index(broken.stage) + 1 : STAGES.index(stage)]:
                self.skipped(between, _NOT_TOLD)
        self._stages[stage] = here
        for other in STAGES[STAGES.index(stage) + 1 :]:
            self._stages.pop(other, None)

    def stages(self) -> list[StageReport]:
        """Return all stages in order, those without an outcome as skipped."""
        return [
            self._stages.get(stage) or StageReport(stage, "skipped", 0.0, {"reason": _NOT_REACHED}) for stage in STAGES
        ]
