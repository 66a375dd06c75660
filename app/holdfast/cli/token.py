"""`holdfast token`: make tokens and explain them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, astuple
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, columns, result, result_json
from holdfast.cli.place import ConfigOption
from holdfast.codes import CODES

if TYPE_CHECKING:
    from holdfast.auth.report import TokenReport
    from holdfast.diagnostics.token_repairs import Damage

STANDARD_INPUT = "-"

app = typer.Typer(no_args_is_help=True, help="Make tokens, and explain them.", rich_markup_mode=None)


@app.command()
def create(
    user: Annotated[str, typer.Argument(help="The user's id (claim sub).")],
    channel: Annotated[str, typer.Option(help="Make a subscription token for this channel.")] = "",
    ttl: Annotated[str, typer.Option(help="How long it lives: 90, 15m, 24h; 0 for ever. Else token.create_ttl.")] = "",
    claim: Annotated[
        list[str] | None, typer.Option(help="NAME=JSON, such as channels='[\"news\"]'; repeatable.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a token with the configured HMAC secret. It is printed alone on one line."""
    from holdfast.auth.issuer import TokenIssuer
    from holdfast.cli.place import settings

    issuer = TokenIssuer(settings(config).token)
    options: dict[str, Any] = {"ttl_seconds": seconds(ttl) if ttl else None, "claims": claims(claim or [])}
    if channel:
        token = issuer.create_subscription(user, channel, **options)
    else:
        token = issuer.create_connection(user, **options)
    if as_json:
        result_json({"token": token})
    else:
        result(token)


@app.command()
def check(
    token: Annotated[str, typer.Argument(help="The token, or - to read it from standard input.")],
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Explain a token as the gateway sees it. Exits 2 when it would refuse it; the token itself is not printed."""
    import asyncio

    from holdfast.cli.diagnose_token import bare, token_service
    from holdfast.cli.place import settings

    service, is_fetched = asyncio.run(token_service(settings(config)))
    if not is_fetched:
        raise CliError("the configured key set (token.jwks) could not be fetched, so nothing is known", Exit.UNKNOWN)
    report, mistakes = service.examine(bare(sys.stdin.read()) if token == STANDARD_INPUT else token)
    if as_json:
        found = [mistake._asdict() for mistake in mistakes]
        result_json(asdict(report) | {"is_valid": report.is_valid, "mistakes": found})
    else:
        result(in_words(report, mistakes))
    raise typer.Exit(Exit.FINE if report.is_valid else Exit.REFUSED)


def in_words(report: TokenReport, mistakes: Sequence[Damage] = ()) -> str:
    """Return a report as text: the verdict first, then what people did wrong, then what it rests on."""
    verdict = f"a valid {report.kind} token" if report.is_valid else f"refused: {report.slug}"
    lines = [verdict + (f", {report.detail}" if report.detail else "")]
    if report.slug in CODES:
        lines += [f"  {CODES[report.slug].meaning}", f"  {CODES[report.slug].remedy}"]
    lines += [f"  {one.what}" + (f": {one.remedy}" if one.remedy else "") for one in mistakes]
    lines.append(f"{report.characters} characters in {report.parts} part(s), key: {report.key or 'none found'}")
    if report.header:
        lines.append(f"header: {json.dumps(report.header, ensure_ascii=False)}")
    if report.claims:
        lines.append(columns([astuple(f) for f in report.claims], ("CLAIM", "VALUE", "VERDICT", "NOTE")))
    return "\n".join(lines)


def seconds(text: str) -> float:
    """Return a duration such as 90, 15m or 24h in seconds.

    Raises:
        CliError: it is none.
    """
    from pydantic import TypeAdapter, ValidationError

    from holdfast.settings_types import Duration

    try:
        return float(TypeAdapter(Duration).validate_python(text))
    except ValidationError:
        raise CliError(f"--ttl: expected a duration such as 90, 15m or 24h, got {text!r}", Exit.USAGE) from None


def claims(pairs: list[str]) -> dict[str, Any]:
    """Return `NAME=JSON` texts as claims.

    Raises:
        CliError: one of them has no `=`, or no JSON behind it.
    """
    found = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            found[name] = json.loads(value)
        except ValueError:
            raise CliError(
                f"""--claim: expected NAME=JSON such as info='{{"name": "Ada"}}', got {pair!r}""", Exit.USAGE
            ) from None
    return found
