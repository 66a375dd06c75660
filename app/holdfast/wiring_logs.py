"""Puts together what has to do with logs: the summaries of what is left out, and the door for browsers' lines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn

from holdfast.telemetry.logs import report_left_out

REPORT_SECONDS = 10.0


async def report_left_out_forever(sleep: Callable[[float], Awaitable[object]]) -> NoReturn:
    """Say every few seconds what was left out of the log because it repeated."""
    while True:
        await sleep(REPORT_SECONDS)
        report_left_out()
