"""`holdfast codes`: the table of causes."""

from __future__ import annotations

from dataclasses import asdict
from difflib import get_close_matches
from typing import Annotated

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, columns, result, result_json
from holdfast.codes import CODES, Code, is_reserved


def codes(
    slug: Annotated[
        str | None, typer.Argument(help="A slug, or a number or HTTP status: its causes. Without it, all.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/errors.md.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Explain why something was refused or closed. Says what the client does and what to do about it."""
    from holdfast.codes_docs import explain_code, render_codes_docs

    if markdown:
        result(render_codes_docs().rstrip("\n"))
        return
    found = _find(slug) if slug else list(CODES.values())
    if as_json:
        result_json([asdict(code) | {"temporary": code.temporary} for code in found])
    elif slug and found != _of_status(slug):
        result("\n\n".join([*(explain_code(code) for code in found), *_beside(slug)]))
    else:
        rows = sorted((code.kind, code.number, code.slug, code.action) for code in found)
        result(columns([(number, slug, kind, action) for kind, number, slug, action in rows], HEAD))


# What a backend may close connections with, for reasons of its own.
APPLICATION_CLOSES = range(4000, 5000)
HEAD = ("NUMBER", "SLUG", "KIND", "CLIENT")


ANY_REFUSAL = """A browser shows 1006 for every refused handshake too, whatever the cause. To see it:
  holdfast probe URL              the whole way, from where the client is
  GET /connection/explain?cid=    why one attempt failed, for pages that send ?cid= (docs/ledger.md)"""


def _beside(wanted: str) -> list[str]:
    return [ANY_REFUSAL] if wanted == str(CODES["client_gone"].number) else []


def _of_status(wanted: str) -> list[Code]:
    return [code for code in CODES.values() if code.kind not in {"path", "client"} and str(code.http_status) == wanted]


def _find(wanted: str) -> list[Code]:
    if wanted in CODES:
        return [CODES[wanted]]
    found = [code for code in CODES.values() if str(code.number) == wanted]
    if found := found or _of_status(wanted):
        return found
    if wanted.isdecimal() and int(wanted) in APPLICATION_CLOSES and not is_reserved(int(wanted)):
        return [CODES["application"]]
    close = get_close_matches(wanted, CODES, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "`holdfast codes` lists them all."
    raise CliError(f"no cause has the slug or number {wanted!r}; {hint}", Exit.USAGE)
