"""The stages of an open session: connect, subscribe, a message back, idle survival, close."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from holdfast.auth.peek import bounded
from holdfast.diagnostics.probe.answer_verdicts import Asked, refusal
from holdfast.diagnostics.probe.http import NotHttpError
from holdfast.diagnostics.probe.link import EndedError, Link, RefusedError, Reply, StrangeError
from holdfast.diagnostics.probe.numbers import Phase, close_verdict, error_verdict
from holdfast.diagnostics.probe.talk import CommandError, Talk, connect_command
from holdfast.diagnostics.probe.verdict import FailedError, Verdict, verdict
from holdfast.diagnostics.probe.way import CutError
from holdfast.diagnostics.probe.wire import reason_of

# Errors by which a server says that this client may not do that, or that nothing is there to do it.
_NOT_FOR_US: Final = frozenset({101, 103, 104, 107, 108})
_PING_GRACE_SECONDS: Final = 10.0
_SILENT_SECONDS: Final = 1.0


@contextmanager
def judged(phase: Phase) -> Iterator[None]:
    """Turn every end of a conversation into the failure that it is.

    Raises:
        FailedError: instead of whatever was raised inside.
    """
    try:
        yield
    except CommandError as error:
        raise FailedError(error_verdict(error.code, error.message, phase)) from None
    except EndedError as error:
        raise FailedError(close_verdict(error.code, error.reason, phase)) from None
    except CutError as error:
        raise FailedError(verdict("connection_cut", sentence(error.reason), stage=phase)) from None
    except (StrangeError, NotHttpError) as error:
        raise FailedError(verdict("not_centrifuge", sentence(str(error)), stage=phase)) from None
    except RefusedError as error:
        found = refusal(error.answer, Asked("the path of a later request", is_upgrade=False))
        raise FailedError(replace(found, stage=phase)) from None
    except ssl.SSLError as error:
        raise FailedError(verdict("tls_failed", sentence(reason_of(error)))) from None
    except OSError as error:
        raise FailedError(verdict("connection_cut", sentence(error.strerror or str(error)), stage=phase)) from None


def sentence(text: str) -> str:
    """Return a reason as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


@dataclass(slots=True)
class Messages:
    """What came of the message stage: how the answer came back, or why there was nothing to try."""

    by: str = ""
    skipped: str = ""


class Session:
    """One session over a link."""

    def __init__(self, link: Link, token: str | None) -> None:
        self.link = link
        self._talk = Talk(link)
        self.token = token
        self._ping_seconds = 0.0

    @property
    def opening(self) -> str:
        """The connect command."""
        return connect_command(self.token)

    async def connect(self, facts: dict[str, Any]) -> None:
        """Connect.

        Raises:
            FailedError: the server refused, or is none.
        """
        with judged("connect"):
            await self.link.begin(self.opening)
            found = await self._talk.connected()
        self._ping_seconds = _seconds(found.get("ping"))
        facts |= {name: bounded(found[name]) for name in ("client", "version", "ping", "pong", "node") if name in found}
        if isinstance(own := found.get("holdfast"), dict):
            facts["instance"] = bounded(own.get("instance"))

    async def subscribe(self, channel: str, token: str, facts: dict[str, Any]) -> None:
        """Subscribe to a channel.

        Raises:
            FailedError: the server refused.
        """
        request: Reply = {"channel": channel}
        if token:
            request["token"] = token
        with judged("subscribe"):
            reply = await self._talk.ask(subscribe=request)
        found = reply.get("subscribe")
        if isinstance(found, dict):
            told = ("recoverable", "positioned", "offset", "expires")
            facts |= {name: bounded(found[name]) for name in told if name in found}
        facts["channel"] = channel

    async def message(self, channel: str, marker: str) -> Messages:
        """Publish to the channel and wait for the message; where that is not allowed, ask who is there instead.

        Raises:
            FailedError: the message was taken and did not come back in time, or the session ended.
        """
        with judged("message"):
            denied = await self._try(publish={"channel": channel, "data": {"holdfast_probe": marker}})
            if denied is None:
                await self._await_publication(channel, marker)
                return Messages(by="a message that was published to the channel came back")
            if await self._try(presence={"channel": channel}) is None:
                return Messages(
                    by=f"a question for presence was answered; publishing is not for this client ({denied})"
                )
        return Messages(skipped=f"neither publishing nor presence is for this client: {denied}")

    async def stay(self, seconds: float, facts: dict[str, Any]) -> None:
        """Say nothing but pongs for so long, and note when the session ended if it did.

        Raises:
            FailedError: it ended, or promised pings did not come.
        """
        loop = asyncio.get_running_loop()
        started = heard = loop.time()
        with judged("idle"):
            try:
                while (left := started + seconds - loop.time()) > 0:
                    patience = min(left, heard + self._patience() - loop.time())
                    try:
                        async with asyncio.timeout(max(0.0, patience)):
                            await self._talk.listen()
                        heard = loop.time()
                    except TimeoutError:
                        if loop.time() - heard >= self._patience():
                            raise FailedError(_missing(self._ping_seconds, loop.time() - heard)) from None
            except (CutError, ConnectionError) as error:
                raise FailedError(_idle_cut(loop.time() - started, loop.time() - heard, error)) from None
            finally:
                facts |= {"stayed_seconds": round(loop.time() - started, 1), "pings": self._talk.pings}

    async def close(self) -> bool:
        """Say goodbye; return whether it was answered."""
        with judged_close():
            return await self.link.close()

    # Private methods

    def _patience(self) -> float:
        return self._ping_seconds + _PING_GRACE_SECONDS if self._ping_seconds else float("inf")

    async def _try(self, **method: Any) -> str | None:
        """Return None if a command was done, else the error by which it is not for this client."""
        try:
            await self._talk.ask(**method)
        except CommandError as error:
            if error.code not in _NOT_FOR_US:
                raise
            return f"{error.message or 'no reason'} ({error.code})"
        return None

    async def _await_publication(self, channel: str, marker: str) -> None:
        while True:
            push = await self._talk.next_push()
            publication = push.get("pub")
            data = publication.get("data") if isinstance(publication, dict) else None
            if push.get("channel") == channel and isinstance(data, dict) and data.get("holdfast_probe") == marker:
                return


@contextmanager
def judged_close() -> Iterator[None]:
    """Turn an end without a goodbye into the failure that it is."""
    try:
        yield
    except (CutError, StrangeError, NotHttpError, OSError):
        raise FailedError(verdict("close_unanswered")) from None


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value < 1e6 else 0.0


def _missing(promised: float, silent: float) -> Verdict:
    return verdict("pings_missing", f"One was promised every {promised:g} s, and nothing came for {silent:.0f} s.")


def _idle_cut(lived: float, silent: float, error: Exception) -> Verdict:
    # What ends while it is in use was not ended for being idle.
    slug = "proxy_idle_cut" if silent >= _SILENT_SECONDS else "connection_cut"
    how = str(error) or "the connection was reset"
    return verdict(
        slug, f"It happened after {lived:.1f} s, {silent:.1f} s after the last message: {how}.", stage="idle"
    )
