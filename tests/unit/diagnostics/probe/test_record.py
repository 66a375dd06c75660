"""Tests of holdfast.diagnostics.probe.record."""

from __future__ import annotations

import asyncio
import contextlib

from holdfast.codes_stages import STAGES
from holdfast.diagnostics.probe.budget import Budget
from holdfast.diagnostics.probe.record import Record
from holdfast.diagnostics.probe.verdict import FailedError, verdict


def new_record(seconds: float = 1000.0) -> Record:
    """Return a record whose time begins now."""
    clock = asyncio.get_running_loop().time
    return Record(Budget(clock(), seconds), clock)


def outcomes(record: Record) -> dict[str, str]:
    """Return what came of each stage."""
    return {one.stage: one.outcome for one in record.stages()}


def late(seconds: float):
    """Say that a stage took too long."""
    return verdict("tcp_timeout")


async def test_stage_that_passes_keeps_its_facts() -> None:
    """With its time; those that were not walked are there too."""
    record = new_record()
    async with record.step("dns", late) as facts:
        facts["addresses"] = 1
    record.skipped("tls", "no")

    stages = record.stages()
    assert [one.stage for one in stages] == list(STAGES)
    assert (stages[0].outcome, stages[0].facts) == ("ok", {"addresses": 1})
    assert stages[0].seconds >= 0
    assert stages[2].facts == {"reason": "no"}
    assert stages[-1].facts == {"reason": "not reached"}


async def wait_in(record: Record, stage) -> str:
    """Let a stage take for ever, and return the verdict's slug."""
    try:
        async with record.step(stage, late):
            await asyncio.get_running_loop().create_future()
    except FailedError as failed:
        return failed.judge({}).slug
    return "ok"


async def test_stage_without_an_end_is_late() -> None:
    """Its time is over, and the verdict says so."""
    record = new_record(0.0)

    assert await wait_in(record, "tcp") == "tcp_timeout"
    record.failed("tcp")
    assert outcomes(record)["tcp"] == "failed"


async def fail_in(record: Record, stage) -> None:
    """Let a stage fail."""
    with contextlib.suppress(FailedError):
        async with record.step(stage, late) as facts:
            facts["status"] = 403
            raise FailedError(verdict("upgrade_cut"))


async def test_cause_of_a_later_stage_proves_the_earlier_one() -> None:
    """An answer that names the origin came by an upgrade that works; what lies between is not told."""
    record = new_record()
    await fail_in(record, "upgrade")
    record.failed("origin")

    found = outcomes(record)
    assert (found["upgrade"], found["admission"], found["origin"], found["token"]) == (
        "ok",
        "skipped",
        "failed",
        "skipped",
    )
    assert next(one for one in record.stages() if one.stage == "upgrade").facts == {"status": 403}


async def test_cause_of_an_earlier_stage_is_put_there() -> None:
    """A TLS record for an answer says something of TLS."""
    record = new_record()
    record.skipped("tls", "not wanted")
    await fail_in(record, "upgrade")
    record.failed("tls")

    found = outcomes(record)
    assert (found["tls"], found["upgrade"]) == ("failed", "skipped")


async def test_silence_proves_nothing() -> None:
    """A stage whose answer never came is not fine, wherever the cause belongs."""
    record = new_record(0.0)
    await wait_in(record, "connect")
    record.failed("message")

    found = outcomes(record)
    assert (found["connect"], found["subscribe"], found["message"]) == ("skipped", "skipped", "failed")


async def test_failure_outside_of_a_stage_changes_nothing() -> None:
    """There is nothing to put anywhere."""
    record = new_record()
    record.failed("tcp")

    assert set(outcomes(record).values()) == {"skipped"}
