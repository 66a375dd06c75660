"""`GET /connection/explain?cid=`: tells a page why its attempt to connect failed, which the browser hides from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope, Send

from holdfast.codes import CODES
from holdfast.codes_stages import Stage, stage_of
from holdfast.connections.client_id import connected_at
from holdfast.connections.connection import Connection
from holdfast.connections.records import RefusedAttempt
from holdfast.connections.reporting import stage_without_session
from holdfast.errors import DoorError, GatewayError
from holdfast.monitoring.elsewhere import Elsewhere, Found
from holdfast.monitoring.lookup import Known, Lookup
from holdfast.resilience.keyed_buckets import KeyedBuckets
from holdfast.resilience.parties import party_of
from holdfast.routes.errors import check_method, refuse, send_bytes
from holdfast.routes.observers import observe_explain
from holdfast.transports.cors import adding_headers
from holdfast.transports.cors_any import READABLE_BY_ALL
from holdfast.transports.websocket import Originate, address_of

IssueLogToken = Callable[[str, str], str]
"""From an attempt and a client id, which may be empty, to a one-time token for lines about them."""

_CID: Final = re.compile("[0-9a-fA-F]{32}")
_EVERYBODY: Final = ""
_LONGEST_QUERY: Final = 1024

CAUSES: Final = (
    "The request never arrived: the name was not found, the network or a firewall dropped it, TLS failed, or a proxy "
    "answered in the gateway's place.",
    "It is too long ago, or the instance was restarted since.",
    "The client did not send `?cid=` with the attempt, or sent another id.",
)
_SILENT: Final = "An instance took it that did not answer: {names}."
_NOBODY_ASKED: Final = "Another instance took it, which cannot be asked now: the broker is away."
_DRAINS: Final = "This instance is draining; of those it sends away it remembers only the number."


def no_log_token(attempt: str, client: str) -> str:
    """Give none."""
    return ""


@dataclass(frozen=True, slots=True)
class ExplainRules:
    """How often may be asked: each address by `by_address`, all together by `overall`."""

    by_address: KeyedBuckets
    overall: KeyedBuckets


@dataclass(frozen=True, slots=True)
class Witness:
    """Who knows: of attempts here and elsewhere, of addresses, of this instance, and who gives log tokens."""

    lookup: Lookup
    elsewhere: Elsewhere
    originate: Originate
    instance: str
    is_draining: Callable[[], bool]
    log_token: IssueLogToken = no_log_token


class ExplainEndpoint:
    """ASGI application; answers anybody, but not too often."""

    def __init__(self, witness: Witness, rules: ExplainRules) -> None:
        self._witness = witness
        self._rules = rules
        witness.elsewhere.answer_explain(self._explain)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # Whoever knows the 128 bits of an attempt's id made the attempt; nothing of the user's session has a say in it.
        send = adding_headers(READABLE_BY_ALL, send)
        try:
            check_method(scope, "GET")
            self._check_rate(scope)
            cid = _cid_of(scope.get("query_string", b""))
            answer = await self._find(cid)
        except GatewayError as error:
            observe_explain(error.slug)
            extra: dict[str, Any] = {name: value for name, value in error.context.items() if name == "causes"}
            await refuse(scope, send, error, **extra)
            return
        observe_explain("ok")
        await send_bytes(send, 200, msgspec.json.encode(answer), [(b"cache-control", b"no-store")])

    # Private methods

    def _check_rate(self, scope: Scope) -> None:
        address = address_of(scope, self._witness.originate)
        # An address that asks too often takes nothing from the others.
        if not self._rules.by_address.take(party_of(address)) or not self._rules.overall.take(_EVERYBODY):
            raise DoorError("rate_limited")

    async def _find(self, cid: str) -> dict[str, Any]:
        if (answer := await self._explain(cid)) is not None:
            return answer
        found = await self._witness.elsewhere.explain(cid)
        if found.one is None:
            raise DoorError("unknown_attempt", causes=self._causes(found))
        return found.one

    def _causes(self, found: Found) -> list[str]:
        causes = [_DRAINS, *CAUSES] if self._witness.is_draining() else list(CAUSES)
        if found.trouble:
            causes.insert(0, _NOBODY_ASKED)
        elif found.silent:
            causes.insert(0, _SILENT.format(names=", ".join(found.silent)))
        return causes

    async def _explain(self, cid: str) -> dict[str, Any] | None:
        """Return what this instance has to say of an attempt, None if it does not know it."""
        known = await self._witness.lookup.attempt(cid)
        if known is None:
            return None
        client = "" if isinstance(known, RefusedAttempt) else known.client
        return {
            "cid": cid,
            **_cause(known),
            "instance": self._witness.instance,
            "seen": await self._witness.lookup.seen(known),
            "log_token": self._witness.log_token(cid, client),
        }


def _cause(known: Known) -> dict[str, Any]:
    if isinstance(known, Connection):
        return _state_of(known)
    said = _said(known.slug, known.detail, known.stage)
    if isinstance(known, RefusedAttempt):
        return {**said, "state": "refused", "at": known.at}
    return {**said, "state": "ended", "at": known.ended_at, "connected_since": known.opened_at}


def _state_of(connection: Connection) -> dict[str, Any]:
    fine = {"slug": "ok", "number": 0, "detail": "", "remedy": "Nothing.", "stage": None}
    if connection.handshake is None:
        since = connected_at(connection.client)
        if connection.closed:  # told to go, and the transport waits for the peer
            cause = _said(connection.ending, "", stage_of(connection.ending))
            return {**cause, "state": "ending", "at": None, "connected_since": since}
        return {**fine, "meaning": "The connection is live.", "state": "live", "at": since, "connected_since": since}
    if connection.ending:  # its connect was refused, and may be repeated
        stage = stage_without_session(connection.ending)
        return {**_said(connection.ending, connection.handshake.refusal, stage), "state": "opening", "at": None}
    meaning = "The transport is open, its connect is not answered yet."
    return {**fine, "meaning": meaning, "state": "opening", "at": None}


def _said(slug: str, detail: str, stage: Stage) -> dict[str, Any]:
    """Return what there is to say of a cause."""
    code = CODES[slug]
    said = {"slug": code.slug, "number": code.number, "meaning": code.meaning, "detail": detail}
    return {**said, "remedy": code.remedy, "stage": stage}


def _cid_of(query: bytes) -> str:
    """Return the attempt's id, in lower case as it is remembered.

    Raises:
        DoorError: `query_invalid`.
    """
    if len(query) > _LONGEST_QUERY:
        raise DoorError("query_invalid", f"Expected a query of at most {_LONGEST_QUERY} bytes.")
    found = [value for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if name == "cid"]
    if len(found) != 1 or not _CID.fullmatch(found[0]):
        raise DoorError("query_invalid", "Expected one `cid` of 32 hexadecimal digits.")
    return found[0].lower()
