"""`holdfast subscribe`: prints what arrives in channels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.advice import remedy
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, note, result, result_json
from holdfast.cli.place import ConfigOption, UrlOption

if TYPE_CHECKING:
    from holdfast.auth.issuer import TokenIssuer
    from holdfast.cli.conversation import Event, Received
    from holdfast.cli.follow import Tokens
    from holdfast.settings import Settings

FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 20.0
# Tokens made here only open the door: neither connection nor subscription ends when they do.
MADE_TOKEN_SECONDS = 60


def subscribe(
    channels: Annotated[list[str], typer.Argument(help="What to follow.")],
    token: Annotated[
        str | None,
        typer.Option(help="Connection token; else one made with the secret of the settings, or none beside --url."),
    ] = None,
    subscription_token: Annotated[str, typer.Option(help="Subscription token, when there is one channel.")] = "",
    user: Annotated[str, typer.Option(help="The user of a token made here.")] = "holdfast-cli",
    count: Annotated[int, typer.Option(min=0, help="End after so many publications; 0 goes on for ever.")] = 0,
    reconnect: Annotated[bool, typer.Option(help="Come back after the connection ended.")] = True,
    protobuf: Annotated[
        bool, typer.Option("--protobuf", help="Speak Protobuf; needed for channels that carry binary data.")
    ] = False,
    url: UrlOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the publications of channels, one a line.

    After an interruption it comes back and goes on where it stopped. Data that is no JSON is shown as
    {"b64data": "..."}.

    Notes about the connection go to standard error. Exits 2 when the gateway refuses for good.
    """
    import asyncio

    from holdfast.cli.dialect import JSON_DIALECT, ProtobufDialect
    from holdfast.cli.follow import Follower
    from holdfast.cli.place import place
    from holdfast.resilience.backoff import full_jitter

    if token is not None and not token.strip():
        raise CliError("--token: expected a token, got an empty text; is the variable behind it set?", Exit.USAGE)
    tokens: Tokens = (
        GivenTokens(token or "", subscription_token) if token or (url and config is None) else made_tokens(config, user)
    )
    follower = Follower(
        url=place(config, url).websocket,
        channels=channels,
        tokens=tokens,
        show=show_json if as_json else show_text,
        delay=lambda attempt: full_jitter(attempt, FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS),
        count=count,
        reconnects=reconnect,
        dialect=ProtobufDialect() if protobuf else JSON_DIALECT,
    )
    raise typer.Exit(asyncio.run(follower.run()))


@dataclass(frozen=True, slots=True)
class GivenTokens:
    """Tokens from the command line; "" connects without one."""

    connection_token: str = ""
    subscription_token: str = ""
    can_renew: bool = False

    def connection(self) -> str:
        """Return the connection token that was given."""
        return self.connection_token

    def subscription(self, channel: str) -> str:
        """Return the subscription token that was given, for whatever channel."""
        return self.subscription_token


@dataclass(frozen=True, slots=True)
class MadeTokens:
    """Fresh tokens signed with the configured secret, which open any channel."""

    issuer: TokenIssuer
    user: str
    can_renew: bool = True

    def connection(self) -> str:
        """Return a new connection token; the connection itself does not expire."""
        return self.issuer.create_connection(self.user, ttl_seconds=MADE_TOKEN_SECONDS, claims={"expire_at": 0})

    def subscription(self, channel: str) -> str:
        """Return a new subscription token; the subscription itself does not expire."""
        return self.issuer.create_subscription(
            self.user, channel, ttl_seconds=MADE_TOKEN_SECONDS, claims={"expire_at": 0}
        )


def made_tokens(config: Path | None, user: str) -> Tokens:
    """Return tokens made with the configured secret, or none at all where there is no secret."""
    from holdfast.cli.place import settings

    return made_tokens_of(settings(config), user)


def made_tokens_of(loaded: Settings, user: str) -> Tokens:
    """Return the same of settings that are loaded."""
    from holdfast.auth.issuer import TokenIssuer

    if not loaded.token.hmac_secret.get_secret_value():
        return GivenTokens()
    return MadeTokens(TokenIssuer(loaded.token), user)


def show_text(event: Event) -> None:
    """Print a publication as channel, offset and data; everything else as a note."""
    received = _noted(event)
    if received:
        place = f" {received.offset}" if received.offset else ""
        result(f"{received.channel}{place} {json.dumps(received.data, ensure_ascii=False)}")


def show_json(event: Event) -> None:
    """Print a publication as one JSON object; everything else as a note."""
    received = _noted(event)
    if received:
        optional: dict[str, Any] = {"info": received.info, "tags": received.tags}
        result_json(
            {"channel": received.channel, "offset": received.offset, "epoch": received.epoch, "data": received.data}
            | {name: value for name, value in optional.items() if value}
        )


def _noted(event: Event) -> Received | None:
    """Write a note about the event unless it is a publication, which is returned."""
    from holdfast.cli.conversation import Noticed, Received

    if isinstance(event, Received):
        return event
    if isinstance(event, Noticed):
        note(event.text)
    else:
        number = f" ({event.number})" if event.number else ""
        advice = remedy(event.slug) if event.is_final else ""
        end = f"{'refused' if event.is_final else 'connection lost'}: {event.slug}{number}"
        note(f"{end}\n  {advice}" if advice else end)
    return None
