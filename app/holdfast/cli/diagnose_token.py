"""`holdfast diagnose token`: explains a client's token, or checks that tokens can be made."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from holdfast.cli.diagnoses import show
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.login import LoginOption, PasswordStdinOption, UserOption, login_of
from holdfast.cli.output import JsonFlag
from holdfast.cli.place import AdminTokenOption, ConfigOption, UrlOption

if TYPE_CHECKING:
    from holdfast.auth.report import Kind
    from holdfast.diagnostics.findings import Diagnosis
    from holdfast.diagnostics.token import TokenDiagnosticService
    from holdfast.diagnostics.token_places import Presented
    from holdfast.settings import Settings

ADMIN_PATH = "/admin/diagnostics/token"
STANDARD_INPUT = "-"

_PATIENCE_SECONDS = 10.0


def diagnose_token(
    token: Annotated[
        str | None, typer.Argument(help="What the client puts into connect; - reads it from standard input.")
    ] = None,
    client_url: Annotated[str, typer.Option(help="The URL that the client connects to, with its parameters.")] = "",
    header: Annotated[
        list[str] | None, typer.Option(help="A header that it sends, as 'Name: value'; repeatable.")
    ] = None,
    cookie: Annotated[str, typer.Option(help="Its cookies, as 'name=value; name=value'.")] = "",
    browser: Annotated[bool, typer.Option("--browser", help="It is a page, which cannot send every header.")] = False,
    kind: Annotated[
        Literal["connection", "subscription"] | None,
        typer.Option(help="What the token is for; else as it says itself."),
    ] = None,
    login: LoginOption = "",
    user: UserOption = "",
    password_stdin: PasswordStdinOption = False,
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say where a client's token was found or lost, what is wrong with it, and which channels it opens.

    Without a token: sign one with each configured key and check it. Works from the settings alone; with --url a
    running gateway answers, with its own keys, revocations and clock. The token itself is never printed.

    Exits 0 fine, 1 with a warning, 2 where the gateway would refuse, 4 where it cannot be told.
    """
    from holdfast.diagnostics.findings import Diagnosis, Finding
    from holdfast.diagnostics.login import log_in
    from holdfast.diagnostics.token import SERVICE

    if login and token is not None:
        raise CliError("expected a token or --login, got both", Exit.USAGE)
    text = sys.stdin.read() if token == STANDARD_INPUT else token
    found: tuple[Finding, ...] = ()
    if (door := login_of(login, user, password_stdin=password_stdin)) is not None:
        text, found = asyncio.run(log_in(door))
    given = _presented(text, client_url, header or [], cookie, is_browser=browser)
    if login and text is None:
        diagnosis = Diagnosis(SERVICE, ())
    elif url:
        diagnosis = asked(config, url, admin_token, given, kind)
    else:
        diagnosis = asyncio.run(diagnose(config, given, kind))
    raise typer.Exit(show(_with(diagnosis, found), as_json=as_json))


async def diagnose(config: Path | None, given: Presented | None = None, kind: Kind | None = None) -> Diagnosis:
    """Diagnose from the settings alone, key sets fetched."""
    from holdfast.cli.place import settings

    # What could not be fetched is one of the service's findings.
    service, _ = await token_service(settings(config))
    return await service.run(given, kind)


async def token_service(loaded: Settings) -> tuple[TokenDiagnosticService, bool]:
    """Return the service for these settings, and whether every key set could be fetched."""
    from holdfast.auth.validator import ImprovedTokenValidator
    from holdfast.diagnostics.token import TokenDiagnosticService

    validator = ImprovedTokenValidator(loaded.token, allow_anonymous=loaded.client.allow_anonymous)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            fetched = await validator.refresh_key_sets()
    except TimeoutError:
        fetched = False
    return TokenDiagnosticService(loaded, validator), fetched


def bare(text: str) -> str:
    """Leave out the one line break that `echo` and editors add; every other blank is the client's own."""
    return text.removesuffix("\n").removesuffix("\r")


def asked(
    config: Path | None, url: str, admin_token: str, given: Presented | None = None, kind: str | None = None
) -> Diagnosis:
    """Return what a running gateway says; raises CliError where it does not."""
    from holdfast.cli import diagnoses
    from holdfast.cli.place import admin_place

    place = admin_place(config, url, admin_token)
    if given is None:
        return diagnoses.asked(place, ADMIN_PATH)
    body: dict[str, Any] = {name: value for name, value in asdict(given).items() if value}
    if given.token is not None:
        body["token"] = given.token
    return diagnoses.asked(place, ADMIN_PATH, body | ({"kind": kind} if kind else {}))


def _presented(text: str | None, url: str, headers: list[str], cookie: str, *, is_browser: bool) -> Presented | None:
    """Return what a client sends, None where nothing was given."""
    from holdfast.diagnostics.token_places import Presented

    if text is None and not (url or headers or cookie):
        return None
    return Presented(None if text is None else bare(text), url, tuple(map(_pair, headers)), cookie, is_browser)


def _pair(header: str) -> tuple[str, str]:
    name, colon, value = header.partition(":")
    if not colon or not name.strip():
        # Not quoted: it may be the token itself.
        raise CliError("--header: expected 'Name: value', came a text without a colon or a name", Exit.USAGE)
    return name.strip(), value.strip()


def _with(diagnosis: Diagnosis, found: tuple[Any, ...]) -> Diagnosis:
    return replace(diagnosis, findings=(*found, *diagnosis.findings))
