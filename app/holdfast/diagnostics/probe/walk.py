"""Walks the stages in order, each within its time, until one fails or all are done."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from holdfast.diagnostics.login import Login, log_in
from holdfast.diagnostics.probe.aftermath import Aftermath, MakeLink
from holdfast.diagnostics.probe.answer_verdicts import Asked, not_http, refusal
from holdfast.diagnostics.probe.budget import DEFAULT_SECONDS, Budget
from holdfast.diagnostics.probe.dial import Address
from holdfast.diagnostics.probe.gateway_view import explanation, refined, seen_headers
from holdfast.diagnostics.probe.http import Answer, NotHttpError
from holdfast.diagnostics.probe.link import InvalidUpgradeError, RefusedError, StrangeError
from holdfast.diagnostics.probe.path_stages import connect_to, find_addresses, secure, speaks_tls
from holdfast.diagnostics.probe.path_verdicts import dns_timeout
from holdfast.diagnostics.probe.proxies import joined, proxies_in_answer, proxies_in_request
from holdfast.diagnostics.probe.record import Facts, Late, Record
from holdfast.diagnostics.probe.report import Report
from holdfast.diagnostics.probe.session import Session, sentence
from holdfast.diagnostics.probe.target import STREAMS, Target, shown_answer, shown_headers
from holdfast.diagnostics.probe.token_facts import (
    clock_difference,
    damage_told,
    misplaced_told,
    times_told,
    token_facts,
)
from holdfast.diagnostics.probe.verdict import FailedError, Verdict, verdict
from holdfast.diagnostics.probe.way import CutError, Way
from holdfast.diagnostics.probe.wire import Wire, reason_of

_SILENT: Final = frozenset({"upgrade_timeout", "connect_timeout"})
_IN_SESSION: Final = frozenset({"subscribe", "message", "idle"})
_GOODBYE_SECONDS: Final = 0.5
_PROVED: Final = {"known_from": "the answer to the handshake"}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be tried, besides the target itself."""

    token: str | None = None
    login: Login | None = None
    channel: str = ""
    subscription_token: str = ""
    idle_seconds: float = 0.0
    seconds: float = DEFAULT_SECONDS
    addresses: Sequence[Address] = ()


class Walk:
    """One probe of one target; `context` is what is trusted in TLS, `make_link` how commands travel."""

    def __init__(self, target: Target, wishes: Wishes, context: ssl.SSLContext, make_link: MakeLink) -> None:
        self._target = target
        self._wishes = wishes
        self._context = context
        self._make_link = make_link
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._budget = Budget(self._started, wishes.seconds)
        self._record = Record(self._budget, self._loop.time)
        self._wire: Wire | None = None
        self._session: Session | None = None
        self._aftermath: Aftermath | None = None
        self._token = wishes.token
        self._proxies: list[str] = []
        self._clock_difference: float | None = None

    async def run(self) -> Report:
        """Walk, and return what was found; never raises for what a server does."""
        found: Verdict | None = None
        explained: dict[str, Any] | None = None
        try:
            await self._walk()
        except FailedError as failed:
            found, explained = await self._conclude(failed)
            if found.stage in _IN_SESSION:
                await self._leave()
        finally:
            self._abort()
        return Report(
            url=self._target.shown,
            attempt=self._target.cid,
            stages=self._record.stages(),
            verdict=found,
            seconds=self._loop.time() - self._started,
            proxies=self._proxies,
            explained=explained,
        )

    # The stages

    async def _walk(self) -> None:
        is_websocket = self._target.transport == "websocket"
        wire, way = await self._reach(await self._find())
        if not is_websocket:  # the token travels with the request that opens the session
            await self._log_in()
        self._aftermath = Aftermath(way, self._make_link, self._until)
        session = self._session = Session(self._make_link(wire, way), self._token)
        await self._upgrade(session, way)
        if is_websocket:
            await self._log_in()
            session.token = self._token
        await self._connect(session)
        await self._subscribe(session)
        await self._message(session)
        await self._stay(session)
        await self._close(session)

    async def _find(self) -> Sequence[Address]:
        if self._wishes.addresses:
            self._record.skipped("dns", "the address was given by --resolve")
            return self._wishes.addresses
        host = self._target.host
        async with self._record.step("dns", lambda seconds: dns_timeout(host, seconds)) as facts:
            return await find_addresses(self._target, facts)

    async def _reach(self, addresses: Sequence[Address]) -> tuple[Wire, Way]:
        async with self._record.step("tcp", _late("tcp_timeout")) as facts:
            # A little less than the stage has, so that each address is named.
            seconds = self._budget.end_of("tcp") - self._loop.time() - 0.1
            wire, address = await connect_to(addresses, seconds, facts)
        self._wire = wire
        if not self._target.is_secure:
            self._record.skipped("tls", "the URL is not for TLS")
            return wire, Way(self._target, address, None)
        way = Way(self._target, address, self._context)
        async with self._record.step("tls", _late("tls_timeout")) as facts:
            await secure(wire, way, self._context, facts)
        return wire, way

    async def _upgrade(self, session: Session, way: Way) -> None:
        async with self._record.step("upgrade", _late("upgrade_timeout")) as facts:
            try:
                await self._open(session, way, facts)
            finally:
                facts["sent"] = shown_headers(session.link.sent)
        self._record.passed("admission", _PROVED)
        if self._target.origin:
            self._record.passed("origin", {"origin": self._target.origin, **_PROVED})
        else:
            self._record.skipped("origin", "no --origin was given: only pages in a browser send one")

    async def _open(self, session: Session, way: Way, facts: Facts) -> None:
        asked = Asked(self._target.path, self._target.transport == "websocket", self._target.origin)
        try:
            self._note(await session.link.open(session.opening), facts)
        except RefusedError as error:
            answer = error.answer
            self._note(answer, facts)
            raise FailedError(lambda seen: refusal(answer, asked, seen)) from None
        except InvalidUpgradeError as error:
            raise FailedError(verdict("upgrade_invalid", f"{error}.")) from None
        except StrangeError as error:
            raise FailedError(verdict("not_centrifuge", sentence(str(error)))) from None
        except NotHttpError as error:
            raise FailedError(not_http(error.first, error.reason, is_secure=self._target.is_secure)) from None
        except ssl.SSLError as error:
            raise FailedError(verdict("tls_failed", sentence(reason_of(error)))) from None
        except (CutError, OSError) as error:
            if not self._target.is_secure and await speaks_tls(way):
                raise FailedError(verdict("tls_required", "It hung up, and answers a TLS handshake.")) from None
            raise FailedError(verdict("upgrade_cut", sentence(str(error)))) from None

    async def _log_in(self) -> None:
        if (login := self._wishes.login) is not None:
            async with self._record.step("token", _late("login_failed")):
                found = await log_in(login, trusted=self._context, timeout=self._wishes.seconds)
                for one in found.findings:
                    if one.severity == "critical":
                        told = f"{login.shown}: {one.summary}" + (f" ({one.evidence})" if one.evidence else "")
                        raise FailedError(verdict("login_failed", f"{told}.", fix=one.remedy))
                self._token = found.token

    async def _connect(self, session: Session) -> None:
        token = token_facts(self._token, time.time())
        async with self._record.step("connect", _late("connect_timeout")) as facts:
            try:
                await session.connect(facts)
            except FailedError:
                facts |= token
                raise
        self._record.passed("token", token)

    async def _subscribe(self, session: Session) -> None:
        if not (channel := self._wishes.channel):
            self._record.skipped("subscribe", "no --channel was given")
            return
        async with self._record.step("subscribe", _late("subscribe_timeout")) as facts:
            await session.subscribe(channel, self._wishes.subscription_token, facts)

    async def _message(self, session: Session) -> None:
        if not (channel := self._wishes.channel):
            self._record.skipped("message", "no --channel was given")
            return
        async with self._record.step("message", _late("message_lost")) as facts:
            came = await session.message(channel, self._target.cid)
            facts["by"] = came.by
        if came.skipped:
            self._record.skipped("message", came.skipped)

    async def _stay(self, session: Session) -> None:
        if not (seconds := self._wishes.idle_seconds):
            self._record.skipped("idle", "no --idle was given")
            return
        self._budget.add_idle(seconds)
        async with self._record.step("idle", _late("pings_missing")) as facts:
            await session.stay(seconds, facts)

    async def _close(self, session: Session) -> None:
        async with self._record.step("close", _late("close_unanswered")):
            if not await session.close():
                raise FailedError(verdict("close_unanswered"))

    # What follows a failure

    async def _conclude(self, failed: FailedError) -> tuple[Verdict, dict[str, Any] | None]:
        explained = await self._explain()
        seen = seen_headers(explained)
        self._proxies = joined(self._proxies, proxies_in_request(seen))
        found = refined(await self._looked_into(failed.judge(seen)), explained)
        if found.stage == "token" and found.slug != "login_failed":
            times = times_told(token_facts(self._token, time.time()), self._clock_difference)
            if found.slug == "token_missing":
                damage, fix = misplaced_told(self._target.request_target, self._target.headers)
            else:
                damage, fix = damage_told(self._token, found.slug)
            detail = " ".join(filter(None, (found.detail, damage, times)))
            found = replace(found, detail=detail, fix=fix or found.fix)
        self._record.failed(found.stage)
        return found, explained

    async def _explain(self) -> dict[str, Any] | None:
        answer = await self._aftermath.explanation() if self._aftermath else None
        if answer is not None:
            self._note(answer, {})
        return explanation(answer)

    async def _looked_into(self, found: Verdict) -> Verdict:
        """Return the verdict after a second look, where what was seen has two possible causes."""
        if self._aftermath is None:
            return found
        if found.slug in _SILENT and self._target.transport in STREAMS and await self._aftermath.answers_briefly():
            return verdict("stream_buffered", f"Other requests are answered at once. {found.detail}")
        if found.slug == "proxy_idle_cut" and not await self._aftermath.opens_again(self._token):
            return verdict("connection_cut", f"A new attempt fails too. {found.detail}", stage="idle")
        return found

    async def _leave(self) -> None:
        """Say goodbye, so that the ledger has no connection of ours that was cut."""
        if self._session is not None:
            with suppress(FailedError, TimeoutError):
                async with asyncio.timeout_at(min(self._until(), self._loop.time() + _GOODBYE_SECONDS)):
                    await self._session.close()

    def _until(self) -> float:
        return self._budget.end_of_aftermath(self._loop.time())

    def _note(self, answer: Answer, facts: Facts) -> None:
        """Take from an answer what it tells of the path and the clock."""
        facts |= {"status": answer.status, "received": shown_answer(answer.headers)}
        self._proxies = joined(self._proxies, proxies_in_answer(answer.headers, answer.body))
        difference = clock_difference(answer.header("date"), time.time())
        if difference is not None:
            self._clock_difference = facts["clock_difference_seconds"] = difference

    def _abort(self) -> None:
        if self._session is not None:
            self._session.link.abort()
        if self._wire is not None:
            self._wire.close()


def _late(slug: str) -> Late:
    return lambda seconds: verdict(slug, f"Waited {seconds:.1f} s.")
