"""A client's side of the protocol without I/O: what to send, what came, and where to go on after a reconnect.

`subscribe` drives it over a socket. It knows only what following channels takes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from holdfast import __version__

CONNECT_ID = 1
# Which ends a Centrifuge client takes as final: closes 3500-3999 and 4500-4999, unsubscribes below 2500.
FINAL_CLOSES = (range(3500, 4000), range(4500, 5000))
FIRST_RESUBSCRIBE_CODE = 2500
TOKEN_EXPIRED = 109
MESSAGE_TOO_BIG = 1009


@dataclass(slots=True)
class Following:
    """One followed channel and how far it was read."""

    channel: str
    token: str = ""
    offset: int = 0
    epoch: str = ""
    is_recoverable: bool = False
    is_over: bool = False

    def command(self) -> dict[str, Any]:
        """Return the subscribe request that goes on where reading stopped."""
        request: dict[str, Any] = {"channel": self.channel, "recoverable": True, "positioned": True}
        if self.token:
            request["token"] = self.token
        if self.is_recoverable:
            request |= {"recover": True, "offset": self.offset, "epoch": self.epoch}
        return request


@dataclass(frozen=True, slots=True)
class Received:
    """A publication; `offset` is 0 where the channel keeps no history."""

    channel: str
    data: Any
    offset: int = 0
    epoch: str = ""
    info: dict[str, Any] | None = None
    tags: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something about the connection that a person wants to know."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway refused the connection, or ended it; `is_final` when another try cannot help."""

    slug: str
    number: int
    is_final: bool


Event = Received | Noticed | Refused


@dataclass(slots=True)
class Conversation:
    """What is said on one connection. Channels outlive it and carry their positions to the next."""

    followings: list[Following]
    token: str = ""
    ping_seconds: float = 0.0
    """How often the server promised to ping; 0 until it has, or if it never will."""
    _answers_pings: bool = False
    _asked: dict[int, Following] = field(default_factory=dict)
    _next_id: int = CONNECT_ID

    # Public methods, in the order a connection calls them.

    def opening(self) -> str:
        """Return the first message: connect."""
        connect: dict[str, Any] = {"name": "holdfast-cli", "version": __version__}
        if self.token:
            connect["token"] = self.token
        return json.dumps({"id": self._id(), "connect": connect})

    def on_message(self, text: str) -> tuple[list[str], list[Event]]:
        """Take one message of the server; return what to send and what happened."""
        send: list[str] = []
        events: list[Event] = []
        for line in filter(None, text.split("\n")):
            reply = json.loads(line)
            if not reply:
                send += ["{}"] if self._answers_pings else []
            elif "push" in reply:
                self._on_push(reply["push"], send, events)
            else:
                self._on_reply(reply, send, events)
        return send, events

    @property
    def is_over(self) -> bool:
        """Whether no channel is left to follow."""
        return all(following.is_over for following in self.followings)

    # Private methods.

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _subscribe(self, following: Following) -> str:
        number = self._id()
        self._asked[number] = following
        return json.dumps({"id": number, "subscribe": following.command()})

    def _on_reply(self, reply: dict[str, Any], send: list[str], events: list[Event]) -> None:
        number, error = reply.get("id", 0), reply.get("error")
        if number == CONNECT_ID:
            if error:
                events.append(refusal_of(error))
                return
            self._on_connected(reply["connect"], events)
            send += [self._subscribe(following) for following in self.followings if not following.is_over]
        elif following := self._asked.pop(number, None):
            if error:
                self._on_subscribe_error(following, error, events)
            else:
                self._on_subscribed(following, reply.get("subscribe", {}), events)

    def _on_connected(self, result: dict[str, Any], events: list[Event]) -> None:
        self._answers_pings = result.get("pong", False)
        self.ping_seconds = float(result.get("ping", 0))
        events.append(Noticed(f"connected as client {result.get('client', '')}"))

    def _on_subscribe_error(self, following: Following, error: dict[str, Any], events: list[Event]) -> None:
        refused = refusal_of(error)
        if not refused.is_final:
            # Said over the connection as a whole: the next try asks for every channel again.
            events.append(refused)
            return
        following.is_over = True
        events.append(Noticed(f"{following.channel}: refused, {refused.slug} ({refused.number})"))
        if self.is_over:
            events.append(refused)

    def _on_subscribed(self, following: Following, result: dict[str, Any], events: list[Event]) -> None:
        publications = result.get("publications", [])
        events.append(Noticed(f"{following.channel}: {_arrival(result, len(publications))}"))
        following.is_recoverable = result.get("recoverable", False)
        following.epoch = result.get("epoch", "")
        for publication in publications:
            events.append(self._received(following, publication))
        if not (result.get("recovered") and publications):
            following.offset = result.get("offset", 0)

    def _on_push(self, push: dict[str, Any], send: list[str], events: list[Event]) -> None:
        channel = push.get("channel", "")
        following = next((one for one in self.followings if one.channel == channel), None)
        if following and "pub" in push:
            events.append(self._received(following, push["pub"]))
        elif following and "unsubscribe" in push:
            code, reason = push["unsubscribe"].get("code", 0), push["unsubscribe"].get("reason", "")
            events.append(Noticed(f"{channel}: the subscription ended, {reason} ({code})"))
            if code >= FIRST_RESUBSCRIBE_CODE:
                send.append(self._subscribe(following))
                return
            following.is_over = True
            if self.is_over:
                events.append(Refused(reason, code, is_final=True))
        elif "disconnect" in push:
            events.append(refusal_of_close(push["disconnect"].get("code", 0), push["disconnect"].get("reason", "")))

    @staticmethod
    def _received(following: Following, publication: dict[str, Any]) -> Received:
        offset = publication.get("offset", 0)
        following.offset = offset or following.offset
        return Received(
            following.channel,
            publication.get("data"),
            offset,
            following.epoch if offset else "",
            publication.get("info"),
            publication.get("tags"),
        )


def refusal_of(error: dict[str, Any]) -> Refused:
    """Return what an error reply means; errors below 100 are the client's own and never come from a server."""
    number = error.get("code", 0)
    is_final = not error.get("temporary", False) and number != TOKEN_EXPIRED
    return Refused(error.get("message", ""), number, is_final)


def refusal_of_close(code: int, reason: str) -> Refused:
    """Return what a close frame means."""
    is_final = code == MESSAGE_TOO_BIG or any(code in final for final in FINAL_CLOSES)
    return Refused(reason or "closed without a reason", code, is_final)


def _arrival(result: dict[str, Any], count: int) -> str:
    if not result.get("was_recovering"):
        return "subscribed"
    if result.get("recovered"):
        return f"recovered, {count} missed publication(s) follow"
    return "what was missed could not be recovered; going on from now"
