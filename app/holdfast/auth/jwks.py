"""Fetches a JSON Web Key Set over HTTP and keeps it fresh: at an interval, and when an unknown key id turns up.

A failed fetch changes nothing but the status: the last good keys stay. One fetch runs at a time; whoever wants one
meanwhile waits for it. Unknown key ids are anybody's to make up, so they start a fetch only once per `min_interval`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from holdfast.auth.jwk import KeySet, parse_key_set
from holdfast.auth.keys import KeyRing
from holdfast.resilience.retry import Retries, RetryRules
from holdfast.resilience.retry_budget import RetryBudget
from holdfast.settings import JwksSettings
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

_RETRIES = 2
# Fetches are rare and an interval apart, so each may save up for one repetition; in a long outage that is all.
_RETRY_RATIO = 1.0
_LOG = get_logger("auth.jwks")


@dataclass(frozen=True, slots=True)
class JwksStatus:
    """What is known of the key set; ages are in seconds, None before the first time.

    `last_error` is "" after a good fetch; with `keys` above 0 it means that older keys are in use.
    """

    url: str
    keys: int
    skipped: tuple[str, ...]
    fetched_age: float | None
    tried_age: float | None
    failures_in_a_row: int
    last_error: str


class FetchError(Exception):
    """One attempt that brought no key set; `is_temporary` says whether to try again at once."""

    def __init__(self, reason: str, *, is_temporary: bool) -> None:
        super().__init__(reason)
        self.is_temporary = is_temporary


class JwksClient:
    """The fetched part of a key ring.

    Args:
        settings: `token.jwks`, with a URL.
        ring: gets the keys.
        clock: monotonic seconds.
        transport: for tests, instead of the network.
    """

    def __init__(
        self,
        settings: JwksSettings,
        ring: KeyRing,
        *,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._ring = ring
        self._clock = clock
        # Made here and not at the first fetch: loading the trusted certificates takes the loop 20 ms.
        self._http = httpx.AsyncClient(timeout=settings.timeout, transport=transport, follow_redirects=False)
        self._url = shown_url(settings.url)
        self._set = KeySet((), ())
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._failures = 0
        self._last_error = ""
        self._running: asyncio.Task[bool] | None = None
        rules = RetryRules(_RETRIES, within_seconds=settings.timeout * (_RETRIES + 1))
        self._retries = Retries("jwks", rules, RetryBudget(_RETRY_RATIO), _is_temporary, clock=clock)

    # Public methods.

    async def refresh(self) -> bool:
        """Fetch the set, or wait for the fetch that runs; say whether it was good. Never raises for a bad one."""
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._fetch_and_take())
            self._running.add_done_callback(self._ended)
        # Shielded: a client that goes away must not cancel the fetch that others wait for.
        return await asyncio.shield(self._running)

    async def refresh_for_unknown_key(self) -> bool:
        """Fetch the set unless that was tried less than `min_interval` ago; say whether there is a newer one."""
        waited = self._age(self._tried_at)
        if self._running is None and waited is not None and waited < self._settings.min_interval:
            return False
        return await self.refresh()

    async def run(self, sleep: Callable[[float], object] = asyncio.sleep) -> None:
        """Fetch now and then at the interval, for ever; after a failure sooner, backing off up to the interval."""
        while True:
            await self.refresh()
            await sleep(self._pause())  # type: ignore[misc]  # an awaitable; tests give their own

    async def close(self) -> None:
        """End a running fetch and the connections."""
        if self._running is not None:
            self._running.cancel()
        await self._http.aclose()

    def status(self) -> JwksStatus:
        """Describe the state of the set."""
        return JwksStatus(
            url=self._url,
            keys=len(self._set.keys),
            skipped=self._set.skipped,
            fetched_age=self._age(self._fetched_at),
            tried_age=self._age(self._tried_at),
            failures_in_a_row=self._failures,
            last_error=self._last_error,
        )

    # Private methods.

    def _ended(self, _: asyncio.Task[bool]) -> None:
        self._running = None

    def _age(self, moment: float | None) -> float | None:
        return None if moment is None else self._clock() - moment

    def _pause(self) -> float:
        """Return the interval with a tenth of jitter, so that instances do not ask the issuer in step."""
        longest = self._settings.refresh_interval
        if self._failures:
            longest = min(longest, self._settings.min_interval * 2.0 ** min(self._failures - 1, 20))
        return longest * random.uniform(0.9, 1.0)

    async def _fetch_and_take(self) -> bool:
        self._tried_at = self._clock()
        try:
            fetched = await self._fetch()
        except FetchError as error:
            self._failed(str(error))
            return False
        except Exception as error:  # the boundary of the task: the refresh loop has to outlive any surprise
            _LOG.exception("key_set_fetch_broke", url=self._url)
            self._failed(type(error).__name__)
            return False
        self._succeeded(fetched)
        return True

    async def _fetch(self) -> KeySet:
        """Try a few times with growing, jittered pauses, within as many timeouts."""
        body = await self._retries.run(self._get)
        try:
            return parse_key_set(body)
        except ValueError as error:
            raise FetchError(str(error), is_temporary=False) from None

    async def _get(self) -> bytes:
        try:
            # httpx's timeout is per operation; this one is for the whole answer, however slowly it drips.
            async with asyncio.timeout(self._settings.timeout):
                return await self._read()
        except TimeoutError:
            raise FetchError(f"no whole answer in {self._settings.timeout:g} s", is_temporary=True) from None
        except httpx.HTTPError as error:
            # The type says enough; its text may have the URL with credentials.
            raise FetchError(type(error).__name__, is_temporary=isinstance(error, httpx.TransportError)) from None
        except (httpx.InvalidURL, ValueError):
            raise FetchError("the URL cannot be used", is_temporary=False) from None

    async def _read(self) -> bytes:
        # Uncompressed, so that the limit holds for what is kept in memory too.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with self._http.stream("GET", self._settings.url, headers=headers) as response:
            status = response.status_code
            if status != 200:
                raise FetchError(f"HTTP status {status}", is_temporary=status >= 500 or status == 429)
            if response.headers.get("content-encoding", "identity") != "identity":
                raise FetchError("a compressed answer, which was not asked for", is_temporary=False)
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._settings.max_bytes:
                    raise FetchError(f"more than {self._settings.max_bytes} bytes", is_temporary=False)
            return bytes(body)

    def _failed(self, reason: str) -> None:
        self._failures += 1
        self._last_error = reason
        metrics.JWKS_FETCHES.labels("failed").inc()
        _LOG.warning(
            "key_set_not_fetched",
            url=self._url,
            reason=reason,
            failures_in_a_row=self._failures,
            keys=len(self._set.keys),
            keys_age_seconds=self._age(self._fetched_at),
        )

    def _succeeded(self, fetched: KeySet) -> None:
        changed = {key.identity for key in fetched.keys} != {key.identity for key in self._set.keys}
        if changed or fetched.skipped != self._set.skipped or self._failures:
            log = _LOG.warning if fetched.skipped or not fetched.keys else _LOG.info
            log("key_set_fetched", url=self._url, kids=[key.kid for key in fetched.keys], skipped=fetched.skipped)
        self._ring.replace_fetched(fetched.keys)
        self._set = fetched
        self._fetched_at = self._clock()
        self._failures = 0
        self._last_error = ""
        metrics.JWKS_FETCHES.labels("ok").inc()


def shown_url(url: str) -> str:
    """Return a URL without the parts that may be secret: user, password, query, fragment."""
    try:
        parsed = httpx.URL(url)
        return str(parsed.copy_with(username=None, password=None, query=None, fragment=None))
    except httpx.InvalidURL:
        return "(not a URL)"


def _is_temporary(error: Exception) -> bool:
    return isinstance(error, FetchError) and error.is_temporary
