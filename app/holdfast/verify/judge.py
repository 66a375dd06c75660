"""Says of each control whether a host has what is expected. Pure: facts, waivers and the day come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

from holdfast.profile import Expectation, raise_only
from holdfast.verify import pods
from holdfast.verify.controls import Control
from holdfast.verify.fixes import fix_for
from holdfast.verify.observations import Facts, Observation, observe
from holdfast.verify.spans import UNLIMITED
from holdfast.verify.waivers import Waiver, waiver_for

Status = Literal["ok", "drift", "waived", "expired", "unknown", "not_applicable"]
FAILED: Final = frozenset({"drift", "expired"})
_MODES: Final = {"min": "at least ", "max": "at most "}


@dataclass(frozen=True, slots=True)
class Result:
    """What one control came to on one host.

    Args:
        id: of the control.
        key: what it is about.
        kind: of the control.
        status: `expired` is drift that a waiver covered until its day.
        expected: in words.
        actual: what was found, or why nothing was.
        where: what has that value, and the file and line that set it.
        fix: a command.
        why: the profile's reason.
        waiver: the reason of the waiver, with its day.
    """

    id: str
    key: str
    kind: str
    status: Status
    expected: str
    actual: str
    where: str = ""
    fix: str = ""
    why: str = ""
    waiver: str = ""


def judge(
    controls: Sequence[Control], facts: Facts, waivers: Sequence[Waiver] = (), today: date = date.max, host: str = ""
) -> list[Result]:
    """Return a result for each control, in their order.

    Args:
        controls: what is expected.
        facts: what was found.
        waivers: what is put up with, until when.
        today: the day that waivers are compared with.
        host: the name that waivers know this host by; that of the facts where none is given.
    """
    name = host or facts["host"]["name"]
    return [_waived(judged(one, facts), waivers, today, name) for one in controls]


def judged(control: Control, facts: Facts) -> Result:
    """Return what one control comes to, waivers left aside: the worst of its observations, and all that are as bad."""
    expectation = control.expectation
    found = [_one(control, seen, facts) for seen in observe(expectation, facts)]
    for status in ("drift", "unknown", "ok"):
        of_these = [one for one in found if one.status == status]
        if of_these:
            return _joined(of_these)
    return found[0]


def _joined(found: Sequence[Result]) -> Result:
    def together(name: str) -> str:
        return "; ".join(dict.fromkeys(text for one in found if (text := getattr(one, name))))

    if found[0].status == "ok":
        # Instances that are right are counted, not listed.
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return replace(found[0], actual=together("actual"), where=f"{found[0].where}{more}")
    return replace(found[0], actual=together("actual"), where=together("where"), fix=together("fix"))


def _one(control: Control, seen: Observation, facts: Facts) -> Result:
    expectation = control.expectation
    base = Result(
        expectation.id, expectation.key, expectation.kind, "ok", expected(expectation),
        _shown(seen.actual or ""), seen.where, why=" ".join(expectation.why.split()),
    )  # fmt: skip
    if reason := pods.excuse(control, seen, facts):
        return replace(base, status="not_applicable", actual=reason)
    if pods.is_container(facts):
        return _in_container(expectation, seen, base)
    if seen.actual is None:
        return _without(expectation, seen, base)
    wanted = raise_only(expectation, seen.actual)
    if wanted is not None:
        return replace(
            base, status="drift", where=_origin(seen),
            fix=fix_for(expectation, str(wanted), seen, in_force=False),
        )  # fmt: skip
    return _at_next_start(control, seen, base)


def _without(expectation: Expectation, seen: Observation, base: Result) -> Result:
    base = replace(base, actual=seen.reason)
    if expectation.optional and seen.is_absent:
        return replace(base, status="not_applicable")
    if seen.is_absent and expectation.mode != "report":
        return replace(base, status="drift", fix=fix_for(expectation, str(expectation.value), seen, in_force=False))
    return replace(base, status="not_applicable" if expectation.mode == "report" else "unknown")


def _in_container(expectation: Expectation, seen: Observation, base: Result) -> Result:
    """Return what is in force in there; files of sysctl.d in an image decide nothing, and the fix is elsewhere."""
    wanted = expectation.value if seen.actual is None else raise_only(expectation, seen.actual)
    found = _without(expectation, seen, base) if seen.actual is None else base
    if seen.actual is not None and wanted is not None:
        found = replace(base, status="drift")
    mend = pods.fix(expectation, str(wanted)) if found.status == "drift" else ""
    return replace(found, where=pods.where(expectation, seen), fix=mend)


def _at_next_start(control: Control, seen: Observation, base: Result) -> Result:
    """Return what becomes of a value that is right now: a file, or the kernel's own, may bring back another."""
    expectation, line = control.expectation, seen.declared
    if line is not None and seen.is_pending:
        wanted = raise_only(expectation, line.value)
        if wanted is None:
            return replace(base, where=f"{seen.where}, {line}")
        text = f"{base.actual} now, {_shown(line.value)} after the next start"
        return replace(
            base, status="drift", actual=text, where=str(line),
            fix=fix_for(expectation, str(wanted), seen, in_force=True),
        )  # fmt: skip
    if seen.after_start:
        return replace(
            base, status="drift", actual=f"{base.actual} now, {seen.after_start} after the next start",
            where=f"{seen.where}; no file of modules-load.d names it",
            fix=fix_for(expectation, str(expectation.value), seen, in_force=True),
        )  # fmt: skip
    if expectation.kind == "sysctl" and line is None and control.default is not None:
        wanted = raise_only(expectation, control.default)
        if wanted is not None:
            text = f"{base.actual} now, {control.default} after the next start"
            return replace(
                base, status="drift", actual=text, where=f"{seen.where}; no file of sysctl.d sets it",
                fix=fix_for(expectation, str(seen.actual), seen, in_force=True),
            )  # fmt: skip
    if expectation.kind == "sysctl" and line is None and control.varies and expectation.mode != "report":
        return replace(base, where=f"{seen.where}; no file of sysctl.d sets it, and at a start {control.varies}")
    return base


def _origin(seen: Observation) -> str:
    """Return who set a value that is not right: the line that says the same, or somebody at the running thing."""
    line = seen.declared
    if line is None:
        return seen.where
    if line.value == seen.actual:
        return f"{seen.where}, {line}"
    return f"{seen.where}, changed after {line} was read"


def _shown(value: str) -> str:
    return "unlimited" if value == str(UNLIMITED) else value


def expected(expectation: Expectation) -> str:
    """Return in words what is expected."""
    if expectation.mode == "report" or expectation.value is None:
        return "looked at"
    return f"{_MODES.get(expectation.mode, '')}{expectation.value}"


def _waived(result: Result, waivers: Sequence[Waiver], today: date, host: str) -> Result:
    waiver = waiver_for(result.id, host, waivers) if result.status == "drift" else None
    if waiver is None:
        return result
    has_ended = waiver.expires < today
    text = f"{waiver.reason} (waived {'until' if not has_ended else 'only until'} {waiver.expires.isoformat()})"
    return replace(result, status="expired" if has_ended else "waived", waiver=text)
