"""`holdfast probe`: walks the whole way to a gateway and says where it ends and why."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.login import LoginOption, PasswordStdinOption, UserOption, login_of
from holdfast.cli.output import JsonFlag, result, result_json
from holdfast.diagnostics.probe.budget import DEFAULT_SECONDS

if TYPE_CHECKING:
    from holdfast.diagnostics.probe.dial import Address
    from holdfast.diagnostics.probe.report import Report, StageReport
    from holdfast.diagnostics.probe.target import Target
    from holdfast.diagnostics.probe.walk import Wishes

BEFORE_THE_GATEWAY = {"dns", "tcp", "tls"}


def probe(
    url: Annotated[str, typer.Argument(help="The gateway, such as wss://example.org/connection/websocket.")],
    token: Annotated[str | None, typer.Option(help="Connection token; empty to see what an empty one does.")] = None,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from standard input.")] = False,
    login: LoginOption = "",
    user: UserOption = "",
    password_stdin: PasswordStdinOption = False,
    channel: Annotated[str, typer.Option(help="Subscribe to this channel, and publish one message to it.")] = "",
    subscription_token: Annotated[str, typer.Option(help="Token for that channel.")] = "",
    idle: Annotated[float, typer.Option(min=0, max=86400, help="Stay silent so many seconds; pings are answered.")] = 0,
    transport: Annotated[str, typer.Option(help="websocket, http_stream, sse or poll.")] = "websocket",
    protobuf: Annotated[bool, typer.Option("--protobuf", help="Speak Protobuf; WebSocket alone.")] = False,
    origin: Annotated[str, typer.Option(help="The page a browser would come from, such as https://example.org.")] = "",
    header: Annotated[list[str] | None, typer.Option(help="'Name: value'; repeatable.")] = None,
    resolve: Annotated[list[str] | None, typer.Option(help="HOST:ADDRESS instead of DNS; repeatable.")] = None,
    ca: Annotated[Path | None, typer.Option(help="Trust the authorities of this PEM file too.")] = None,
    timeout: Annotated[
        float, typer.Option(min=1, max=120, help="Seconds for everything but --idle, shared among the stages.")
    ] = DEFAULT_SECONDS,
    as_json: JsonFlag = False,
) -> None:
    """Walk the way to a gateway, stage by stage: DNS, TCP, TLS, upgrade, token, connect, subscribe, a message back...

    The first stage that fails gets one verdict, one cause and one fix, and an exit code of its own, from 10 up.
    With --channel one message is published to it, if the gateway allows that. Nothing secret is printed.
    """
    import asyncio

    from holdfast.diagnostics.probe.walk import Wishes

    target = _target(url, transport, origin, header or [])
    if protobuf and transport != "websocket":
        raise CliError("--protobuf goes with --transport websocket alone", Exit.USAGE)
    if sum((token is not None, token_stdin, bool(login))) > 1:
        raise CliError("expected one of --token, --token-stdin and --login, got more", Exit.USAGE)
    wishes = Wishes(
        token=_token(token, from_stdin=token_stdin),
        login=login_of(login, user, password_stdin=password_stdin),
        channel=channel,
        subscription_token=subscription_token,
        idle_seconds=idle,
        seconds=timeout,
        addresses=_addresses(resolve or [], target),
    )
    report = asyncio.run(_walk(target, wishes, ca, speaks_protobuf=protobuf))
    if as_json:
        result_json(report.as_json())
    else:
        result(in_words(report))
    raise typer.Exit(report.exit_code)


async def _walk(target: Target, wishes: Wishes, ca: Path | None, *, speaks_protobuf: bool) -> Report:
    from functools import partial

    from holdfast.cli.dialect import ProtobufDialect
    from holdfast.diagnostics.probe.links import link_for
    from holdfast.diagnostics.probe.path_stages import tls_context
    from holdfast.diagnostics.probe.walk import Walk

    try:
        context = tls_context(str(ca) if ca else None)
    except OSError as error:
        raise CliError(f"--ca: cannot use {ca}: {error.strerror or error}", Exit.USAGE) from None
    dialect = ProtobufDialect() if speaks_protobuf else None
    return await Walk(target, wishes, context, partial(link_for, dialect=dialect)).run()


def in_words(report: Report) -> str:
    """Return a report as text: a line for each stage, then what it comes to."""
    lines = [report.url, *(_line(one) for one in report.stages), ""]
    found = report.verdict
    if found is None:
        lines.append(f"verdict: ok, in {report.seconds:.1f} s")
    else:
        lines.append(f"verdict: {found.slug} at {found.stage} (exit code {found.exit_code}), in {report.seconds:.1f} s")
        lines += [f"cause:   {found.cause}", f"fix:     {found.fix}"]
        if found.stage not in BEFORE_THE_GATEWAY:
            lines.append(f"gateway: {_own_word(report)}")
    if report.proxies:
        lines.append(f"proxies: {', '.join(report.proxies)}")
    lines.append(f"attempt: {report.attempt}")
    # Servers have a say in these lines, and a terminal obeys what is not printable.
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)


def _line(one: StageReport) -> str:
    time = "" if one.outcome == "skipped" else f"{one.seconds * 1000:.0f} ms"
    return f"{one.stage:<10}{one.outcome:<8}{time:>10}  {_facts(one.facts)}".rstrip()


def _facts(facts: Mapping[str, Any]) -> str:
    """Return the facts that fit on a line; --json has all."""
    return "; ".join(told for name, value in facts.items() if (told := _fact(name, value)))


def _fact(name: str, value: Any) -> str:
    if value in (None, "") or (isinstance(value, dict) and name != "certificate"):
        return ""
    if name == "reason":
        return str(value)
    from holdfast.diagnostics.probe.token_facts import NOTABLE_SECONDS

    if name == "clock_difference_seconds" and abs(value) < NOTABLE_SECONDS:
        return ""  # a Date header has whole seconds
    if name == "certificate":
        left = f"{value['days_left']:g} days left" if value["days_left"] > 0 else "expired"
        return f"certificate for {', '.join(value['names'][:3])}, {left}"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    unit = " s" if name.endswith("_seconds") else ""
    return f"{name.removesuffix('_seconds').replace('_', ' ')} {value}{unit}"


def _own_word(report: Report) -> str:
    if report.explained is None:
        return "says nothing of this attempt"
    if report.is_agreed:
        return f"says the same, {report.explained['slug']}"
    detail = f": {report.explained['detail']}" if report.explained.get("detail") else ""
    return f"says {report.explained['slug']}{detail}"


def _target(url: str, transport: str, origin: str, headers: Sequence[str]) -> Target:
    from holdfast.diagnostics.probe.target import TRANSPORTS, TargetError, Wanted, target_of

    names = [name for name in TRANSPORTS if name == transport]
    if not names:
        raise CliError(f"--transport: expected one of {', '.join(TRANSPORTS)}, got {transport!r}", Exit.USAGE)
    try:
        return target_of(url, Wanted(names[0], origin, headers), os.urandom(16).hex())
    except TargetError as error:
        raise CliError(f"{error}", Exit.USAGE) from None


def _token(option: str | None, *, from_stdin: bool) -> str | None:
    return sys.stdin.read().strip() if from_stdin else option


def _addresses(options: Sequence[str], target: Target) -> list[Address]:
    """Return the addresses that --resolve gives to the target's host."""
    import ipaddress

    from holdfast.diagnostics.probe.dial import Address, family_of

    found = []
    for option in options:
        host, _, text = option.partition(":")
        try:
            address = str(ipaddress.ip_address(text.strip("[]")))
        except ValueError:
            raise CliError(f"--resolve: expected HOST:ADDRESS, got {option!r}", Exit.USAGE) from None
        if host.lower() == target.host.lower():
            found.append(Address(family_of(address), (address, target.port)))
    return found
