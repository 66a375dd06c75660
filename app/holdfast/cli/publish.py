"""`holdfast publish`."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, note, result_json
from holdfast.cli.place import ConfigOption, KeyOption, UrlOption


def publish(
    channel: Annotated[str, typer.Argument(help="Where to publish.")],
    data: Annotated[str, typer.Argument(help="JSON, or - to read it from standard input.")],
    text: Annotated[bool, typer.Option("--text", help="Send DATA as a string, not as JSON.")] = False,
    is_base64: Annotated[
        bool, typer.Option("--base64", help="DATA is base64 of what to send, for channels that carry binary data.")
    ] = False,
    tag: Annotated[list[str] | None, typer.Option(help="KEY=VALUE to go with it; may be repeated.")] = None,
    idempotency_key: Annotated[str, typer.Option(help="Publish once, however often this is tried.")] = "",
    skip_history: Annotated[bool, typer.Option("--skip-history", help="Keep it out of the history.")] = False,
    url: UrlOption = "",
    api_key: KeyOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Publish DATA into a channel over the server API."""
    from holdfast.cli.api_client import call
    from holdfast.cli.place import place

    if text and is_base64:
        raise CliError("--text with --base64: expected one of them, got both", Exit.USAGE)
    options = {"tags": tags(tag or []), "idempotency_key": idempotency_key, "skip_history": skip_history}
    given = {name: value for name, value in options.items() if value}
    read = sys.stdin.read() if data == "-" else data
    body = {"b64data": read.strip()} if is_base64 else {"data": payload(read, text)}
    done = call(place(config, url, api_key), "publish", channel=channel, **body, **given)
    if as_json:
        result_json(done)
    elif done.get("offset"):
        note(f"Published into {channel} at offset {done['offset']}, epoch {done.get('epoch', '')}.")
    else:
        note(f"Published into {channel}.")


def payload(data: str, is_text: bool) -> Any:
    """Return what to publish.

    Raises:
        CliError: the text is no JSON.
    """
    if is_text:
        return data
    try:
        return json.loads(data)
    except ValueError as error:
        raise CliError(
            f"""expected JSON such as '{{"text": "hello"}}', got {data!r}: {error}\n  --text sends it as a string.""",
            Exit.USAGE,
        ) from None


def tags(pairs: list[str]) -> dict[str, str]:
    """Return `KEY=VALUE` texts as a mapping.

    Raises:
        CliError: one of them has no `=`.
    """
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise CliError(f"--tag: expected KEY=VALUE, got {wrong[0]!r}", Exit.USAGE)
    return dict(pair.split("=", 1) for pair in pairs)
