"""`POST /client/logs`: a browser's log lines come into ours, under a token that says which attempt they belong to.

Where there is a login, its cookie does instead: the lines then belong to the user.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from starlette.types import Receive, Scope, Send

from holdfast.errors import DoorError, GatewayError
from holdfast.monitoring.browser_lines import Batch, BrowserLine, moment, read_batch
from holdfast.monitoring.log_tokens import LogIds, LogTokens
from holdfast.resilience.keyed_buckets import KeyedBuckets
from holdfast.resilience.parties import party_of
from holdfast.routes.body import ClientGone, read_body
from holdfast.routes.errors import check_method, refuse, send_bytes, turn_away
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger
from holdfast.transports.websocket import Originate, address_of

_log = get_logger(__name__)
_EVERYBODY = ""
_NOBODY = LogIds("", "")

UserOfSession = Callable[[Scope], Awaitable[str]]


async def no_session(scope: Scope) -> str:
    """Return that nobody is logged in, where there is no login."""
    return ""


async def nothing_to_learn() -> bool:
    """Return that no other instance gives tokens."""
    return False


@dataclass(frozen=True, slots=True)
class ClientLogRules:
    """What a batch has to keep to: `batches` limits by address, `lines` all of them together."""

    max_body_bytes: int
    max_lines: int
    batches: KeyedBuckets
    lines: KeyedBuckets


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who knows more of a request: its address, whose connection a client id is, the time (Unix), who is logged in.

    `learn` looks for other instances whose tokens are good here too, and tells whether it found any.
    """

    originate: Originate
    user_of: Callable[[str], str]
    clock: Callable[[], float]
    user_of_session: UserOfSession = no_session
    learn: Callable[[], Awaitable[bool]] = nothing_to_learn


class ClientLogs:
    """ASGI application; pages of any origin may use it, for the token is all that counts."""

    def __init__(self, tokens: LogTokens, rules: ClientLogRules, witnesses: Witnesses) -> None:
        self._tokens = tokens
        self._rules = rules
        self._witnesses = witnesses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one batch and answer with the next token."""
        address = address_of(scope, self._witnesses.originate)
        try:
            body = await self._read(scope, receive, address)
        except ClientGone:
            return
        except GatewayError as error:
            _count_refused(address, error)
            await turn_away(scope, receive, send, error)
            return
        try:
            ids, count = await self._take_or_learn(body, address, await self._witnesses.user_of_session(scope))
        except GatewayError as error:
            _count_refused(address, error)
            await refuse(scope, send, error)
            return
        metrics.CLIENT_LOG_BATCHES.labels("ok").inc()
        answer = {"log_token": self._tokens.issue(*ids), "accepted": count}
        await send_bytes(send, 200, msgspec.json.encode(answer), [(b"cache-control", b"no-store")])

    # Private methods

    async def _read(self, scope: Scope, receive: Receive, address: str) -> bytes:
        check_method(scope, "POST")
        if not self._rules.batches.take(party_of(address)):
            raise DoorError("rate_limited", "Too many batches of log lines.")
        return await read_body(receive, scope["headers"], self._rules.max_body_bytes)

    async def _take_or_learn(self, body: bytes, address: str, user: str) -> tuple[LogIds, int]:
        try:
            return self._take(body, address, user)
        except DoorError as error:
            if error.slug != "log_token_invalid" or not await self._witnesses.learn():
                raise
        return self._take(body, address, user)

    def _take(self, body: bytes, address: str, user: str) -> tuple[LogIds, int]:
        # Whatever type it is said to be: a page that is being left can only send text/plain.
        batch = read_batch(body, self._rules.max_lines, needs_token=not user)
        # Strangers must not use up what all browsers share, and a batch that has to come again keeps its token.
        ids = self._tokens.read(batch.token)
        if ids is None and user:
            ids = _NOBODY
        if ids is None:
            raise DoorError("log_token_invalid")
        if not self._rules.lines.take(_EVERYBODY, len(batch.lines)):
            raise DoorError("rate_limited", "All browsers together hand in more lines than are taken.")
        self._tokens.redeem(batch.token)
        self._write(batch, ids, address, user)
        return ids, len(batch.lines)

    def _write(self, batch: Batch, ids: LogIds, address: str, user: str) -> None:
        now = self._witnesses.clock()
        ahead = batch.clock_difference(now)
        facts: dict[str, object] = {"side": "browser"}
        facts |= {name: value for name, value in ids._asdict().items() if value}
        if user := self._witnesses.user_of(ids.client) or user:
            facts["user"] = user
        facts["address"] = address
        for line in batch.lines:
            write = getattr(_log, line.level)
            write("browser_line", **facts, **_times(line, ahead, now), said=line.event, browser=line.fields)


def _count_refused(address: str, error: GatewayError) -> None:
    metrics.CLIENT_LOG_BATCHES.labels(error.slug).inc()
    _log.info("browser_lines_refused", slug=error.slug, detail=error.detail, address=address)


def _times(line: BrowserLine, ahead: float, now: float) -> dict[str, object]:
    """Return the browser's own time, the moment by our clock, and by how much theirs is ahead of ours."""
    own = line.t / 1000
    return {
        "browser_time": moment(own),
        "at": moment(min(own - ahead, now)),
        "clock_difference_seconds": round(ahead, 3),
    }
