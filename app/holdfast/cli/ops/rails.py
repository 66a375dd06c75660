"""The safety rails of every script: dry run by default, a limit, a lock, an audit line, one form of result.

A script is a function of `Rails` and its own options; `script` gives it the common ones and makes a command of it.
"""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Annotated, Any, NamedTuple

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.audit import audit_path, locked, who, write_line
from holdfast.cli.ops.fleet import Fleet, Member, Seen, make_fleet
from holdfast.cli.output import JsonFlag, note, result, result_json
from holdfast.cli.place import AdminTokenOption, ConfigOption, UrlOption, settings_file
from holdfast.errors import ConfigError, GatewayError

POLL_SECONDS = 0.5


class Time(NamedTuple):
    """How scripts wait, and by which clock."""

    sleep: Callable[[float], None]
    clock: Callable[[], float]


REAL = Time(time.sleep, time.monotonic)

YesFlag = Annotated[bool, typer.Option("--yes", help="Do it; without it the script only says what it would do.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the audit line; needed with --yes.")]
LimitOption = Annotated[
    float | None,
    typer.Option("--limit", min=0, max=100, help="Refuse to touch more than this percentage of all connections."),
]
InstancesOption = Annotated[
    Path | None, typer.Option("--instances", help="YAML file of all instances; else --url or the settings name one.")
]
AuditOption = Annotated[
    Path | None,
    typer.Option("--audit-log", help="File for audit lines; else that of the instances file, or one of the user."),
]


@dataclass(frozen=True, slots=True)
class Common:
    """The options that every script has."""

    yes: YesFlag = False
    reason: ReasonOption = ""
    limit: LimitOption = None
    instances: InstancesOption = None
    url: UrlOption = ""
    admin_token: AdminTokenOption = ""
    config: ConfigOption = None
    audit_log: AuditOption = None
    as_json: JsonFlag = False


@dataclass(slots=True)
class Rails:
    """What a script works with.

    `limit` is the usual one of the script, in percent; `facts` go into the JSON, also after an error; `acted` is
    whether it began to do something. A script that does not need a gateway works while none is there.
    """

    name: str
    common: Common
    limit: float
    needs_gateway: bool = True
    locks: bool = True
    plan: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    acted: bool = False
    code: Exit = Exit.FINE
    time: Time = field(default_factory=lambda: REAL)
    _fleet: Fleet | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    # Public methods: who

    @property
    def fleet(self) -> Fleet:
        """The instances; looked up when first asked for."""
        if self._fleet is None:
            one = self.common
            self._fleet = make_fleet(one.instances, one.url, one.admin_token, one.config)
            self._stack.callback(self._fleet.close)
        return self._fleet

    # Public methods: what is told

    def tell(self, text: str) -> None:
        """Print a line of the result; beside JSON it is only a note."""
        (note if self.common.as_json else result)(text)

    def found(self, code: Exit) -> None:
        """End with this exit code, unless a worse one is known."""
        order = (Exit.FINE, Exit.FOUND, Exit.UNKNOWN, Exit.USAGE, Exit.REFUSED)
        self.code = max(self.code, code, key=order.index)

    # Public methods: what is allowed

    def check_limit(self, touched: int, total: int, what: str) -> None:
        """Refuse what touches more connections than the limit allows.

        Raises:
            CliError: it does.
        """
        limit = self.limit if self.common.limit is None else self.common.limit
        share = 100 * touched / total if total else 0.0
        if share > limit:
            raise CliError(
                f"{what} touches {touched} of {total} connection(s), {share:.0f} %; the limit is {limit:g} %.\n"
                f"  If that is meant: --limit {min(100, int(share) + 1)}",
                Exit.REFUSED,
            )

    def check_others(self, seen: dict[str, Seen], name: str) -> None:
        """Refuse to take an instance away while another one is not fine.

        Raises:
            CliError: one is not, or is not seen by the others; or one that the instances file does not know is away.
        """
        nodes = self.fleet.nodes()
        bad = [f"{one.name}: {one.problem}" for one in seen.values() if one.name != name and one.problem]
        bad += [f"{other}: the others do not see it" for other in seen.keys() - nodes.keys() if not seen[other].problem]
        bad += [
            f"{other}: it is {node['phase']}"
            for other, node in nodes.items()
            if other not in seen and node["phase"] != "serving"
        ]
        if bad:
            raise CliError("one instance at a time, and another one is not fine:\n  " + "\n  ".join(bad), Exit.REFUSED)

    # Public methods: acting

    def begins(self, what: str, *members: Member) -> bool:
        """Say what is to be done, and tell whether to do it; if so, no other script does anything meanwhile.

        The audit line is written, and each of the `members` that answers is told, before anything is done.

        Raises:
            CliError: no reason was given, another script acts, or the audit line cannot be written.
        """
        self.plan.append(what)
        if not self.common.yes:
            self.tell(f"Would {what}.")
            return False
        if not self.acted:
            if not self.common.reason.strip():
                raise CliError("--yes needs --reason: why this is done, for the audit line", Exit.USAGE)
            if self.locks:
                self._stack.enter_context(locked(self.common.instances, self._place()))
        self._audit("begin", what=what)
        self.acted = True
        for member in members:
            self._tell_gateway(member, what)
        self.tell(f"Begins to {what}.")
        return True

    def wait(self, check: Callable[[], str], seconds: float, what: str) -> None:
        """Wait until `check` returns "" instead of what is still missing.

        Raises:
            CliError: that took too long.
        """
        ends_at, told = self.time.clock() + seconds, ""
        while missing := check():
            if self.time.clock() >= ends_at:
                raise CliError(f"{what}: {missing}, after {seconds:g} s", Exit.REFUSED)
            if missing != told:
                note(f"{what}: {missing}")
                told = missing
            self.time.sleep(POLL_SECONDS)

    def close(self, error: CliError | None) -> None:
        """Write the last audit line, unlock, and print the result for programs."""
        code = self.code if error is None else error.code
        said = {} if error is None else {"error": str(error)}
        try:
            if self.acted:
                self._audit("end", exit=int(code), **said)
        finally:
            self._stack.close()
        if self.common.as_json:
            answer = {
                "script": self.name,
                "acted": self.acted,
                "exit": int(code),
                "plan": self.plan,
                **self.facts,
                **said,
            }
            result_json(answer)

    # Private methods

    def _place(self) -> str:
        """Return what a lock is named by where there is no instances file."""
        if not self.needs_gateway:
            return str(settings_file(self.common.config, os.environ).resolve())
        return next(iter(self.fleet.members.values())).place.internal

    def _audit(self, phase: str, **facts: Any) -> None:
        of_fleet = self.fleet.audit_log if self.needs_gateway or self.common.instances else ""
        path = audit_path(self.common.audit_log, of_fleet)
        write_line(path, {"script": self.name, "phase": phase, "who": who(), "why": self.common.reason, **facts})

    def _tell_gateway(self, member: Member, what: str) -> None:
        body = {"action": self.name, "who": who()[:500], "why": self.common.reason[:500], "what": what[:500]}
        try:
            member.order("/admin/actions", body)
        except CliError as error:  # an older version has no such path; the audit line is written
            note(f"{member.name} did not note it in its log: {str(error).partition(chr(10))[0]}")


Script = Callable[..., None]


def script(
    limit: float = 100.0, *, needs_gateway: bool = True, locks: bool = True
) -> Callable[[Script], Callable[..., None]]:
    """Make a command of a script: its own options and the common ones, the result as text or JSON, the exit code.

    Args:
        limit: the usual percentage of connections that it may touch.
        needs_gateway: whether there must be one that answers.
        locks: whether it keeps out of the way of others; not so where it must be possible during a roll that hangs.
    """

    def wrap(work: Script) -> Callable[..., None]:
        name = work.__name__

        @functools.wraps(work)
        def run(**given: Any) -> None:
            common = Common(**{one.name: given.pop(one.name) for one in fields(Common)})
            rails = Rails(name, common, limit, needs_gateway, locks)
            try:
                work(rails, **given)
            except BaseException as error:
                told = _told(error)
                rails.close(told)
                if isinstance(error, OSError | TimeoutExpired | KeyboardInterrupt):
                    raise told from None
                raise
            rails.close(None)
            raise typer.Exit(rails.code)

        _give_options(run, work)
        return run

    return wrap


def _told(error: BaseException) -> CliError:
    """Return an end as the result and the audit line tell it."""
    if isinstance(error, CliError):
        return error
    if isinstance(error, ConfigError):
        return CliError("; ".join(error.faults), Exit.USAGE)
    if isinstance(error, GatewayError):
        return CliError(str(error), Exit.REFUSED)
    if isinstance(error, OSError | TimeoutExpired):  # a disk that is full, a program that hangs
        return CliError(str(error), Exit.REFUSED)
    if isinstance(error, KeyboardInterrupt):
        return CliError("interrupted; what was begun stays as it is", Exit.REFUSED)
    return CliError(f"a fault of ours: {type(error).__name__}", Exit.UNKNOWN)


def _give_options(run: Callable[..., None], work: Script) -> None:
    """Let typer see the options of the script, without the rails, and the common ones behind them."""
    own = list(inspect.signature(work, eval_str=True).parameters.values())[1:]
    common = list(inspect.signature(Common, eval_str=True).parameters.values())
    together = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own, *common)]
    del run.__wrapped__  # type: ignore[attr-defined]  # typer would look behind it
    run.__signature__ = inspect.Signature(together)  # type: ignore[attr-defined]  # of the protocol of inspect
    run.__annotations__ = {one.name: one.annotation for one in together}
