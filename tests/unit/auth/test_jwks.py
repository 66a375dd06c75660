from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from jwt.algorithms import OKPAlgorithm

from holdfast.auth.jwks import JwksClient, shown_url
from holdfast.auth.keys import KeyRing
from holdfast.settings import JwksSettings
from holdfast.telemetry import metrics

URL = "https://user:pass@issuer.example/keys?secret=1"
KEYS = [OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True) for _ in range(2)]


class Issuer(httpx.AsyncBaseTransport):
    """An issuer of key sets that answers as told and remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: list[Callable[[], httpx.Response] | Exception] = []
        self.kids = ["one"]
        self.gate: asyncio.Event | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else self.good
        if isinstance(answer, Exception):
            raise answer
        return answer()

    def good(self) -> httpx.Response:
        keys = [{**jwk, "kid": kid} for jwk, kid in zip(KEYS, self.kids, strict=False)]
        return raw(json.dumps({"keys": keys}).encode())


class Chunks(httpx.AsyncByteStream):
    """A body in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def raw(*pieces: bytes, status: int = 200, **headers: str) -> httpx.Response:
    """Make an answer that has not been read yet."""
    return httpx.Response(status, headers=headers, stream=Chunks(*pieces))


@pytest.fixture
def issuer() -> Issuer:
    """An issuer with one key."""
    return Issuer()


@pytest.fixture
def ring() -> KeyRing:
    """A ring that waits for keys."""
    return KeyRing([], fetches=True)


@pytest.fixture
async def client(issuer: Issuer, ring: KeyRing, clock: Any) -> AsyncIterator[JwksClient]:
    """A client of the issuer that makes up to three attempts without waiting between them."""
    settings = JwksSettings(url=URL, max_bytes=2048, min_interval=10, refresh_interval=3600)
    client = JwksClient(settings, ring, clock=clock, transport=issuer)
    yield client
    await client.close()


def kids(ring: KeyRing) -> list[str]:
    """Return the ids of the ring's keys."""
    return [key.kid for key in ring.keys]


def fetches(result: str) -> float:
    """Read the counter of fetches."""
    return float(metrics.JWKS_FETCHES.labels(result)._value.get())


async def test_refresh_brings_keys(client: JwksClient, issuer: Issuer, ring: KeyRing, logged: list[Any]) -> None:
    """A good answer fills the ring and the status, counts, and is asked for without compression."""
    before = fetches("ok")

    assert await client.refresh()
    assert kids(ring) == ["one"]
    assert issuer.requests[0].headers["accept-encoding"] == "identity"
    assert fetches("ok") == before + 1
    status = client.status()
    assert (status.keys, status.fetched_age, status.failures_in_a_row, status.last_error) == (1, 0, 0, "")
    assert [line["event"] for line in logged] == ["key_set_fetched"]


async def test_refresh_is_silent_when_nothing_changed(client: JwksClient, logged: list[Any]) -> None:
    """The same set again is no news."""
    await client.refresh()
    await client.refresh()

    assert len(logged) == 1


async def test_rotation_replaces_keys(client: JwksClient, issuer: Issuer, ring: KeyRing) -> None:
    """A key that left the set counts no more."""
    await client.refresh()
    issuer.kids = ["two"]
    await client.refresh()

    assert kids(ring) == ["two"]
    assert ring.generation == 1


BAD: list[tuple[Callable[[], httpx.Response] | Exception, str, int]] = [
    (lambda: raw(status=500), "HTTP status 500", 3),
    (lambda: raw(status=429), "HTTP status 429", 3),
    (lambda: raw(status=404), "HTTP status 404", 1),
    (lambda: raw(status=302, location="http://169.254.169.254/"), "HTTP status 302", 1),
    (lambda: raw(b"<html>"), "expected a JSON object with a list `keys`", 1),
    (lambda: raw(b"x" * 1500, b"x" * 1500), "more than 2048 bytes", 1),
    (lambda: raw(b"xx", **{"content-encoding": "gzip"}), "a compressed answer, which was not asked for", 1),
    (httpx.ConnectError("refused by https://user:pass@issuer.example"), "ConnectError", 3),
    (httpx.ReadTimeout("slow"), "ReadTimeout", 3),
    (httpx.TooManyRedirects("round"), "TooManyRedirects", 1),
    (httpx.InvalidURL("bad"), "the URL cannot be used", 1),
    (KeyError("a bug"), "KeyError", 1),
]


@pytest.mark.parametrize(("answer", "reason", "attempts"), BAD)
async def test_failed_fetch_keeps_the_last_good_keys(
    client: JwksClient,
    issuer: Issuer,
    ring: KeyRing,
    clock: Any,
    logged: list[Any],
    answer: Any,
    reason: str,
    attempts: int,
) -> None:
    """Whatever goes wrong, the keys stay, the status and a log line say so, and only passing faults are tried again."""
    await client.refresh()
    logged.clear()
    clock.advance(60)
    issuer.requests.clear()
    issuer.answers = [answer] * 3
    before = fetches("failed")

    assert not await client.refresh()
    assert kids(ring) == ["one"]
    assert len(issuer.requests) == attempts
    assert fetches("failed") == before + 1
    status = client.status()
    assert (status.keys, status.fetched_age, status.tried_age) == (1, 60, 0)
    assert (status.failures_in_a_row, status.last_error) == (1, reason)
    line = logged[-1]
    assert (line["event"], line["reason"], line["keys"], line["keys_age_seconds"]) == (
        "key_set_not_fetched",
        reason,
        1,
        60,
    )
    assert "pass" not in repr([line, status])
    assert "secret=1" not in repr([line, status])


async def test_passing_fault_is_mended_by_the_next_attempt(
    client: JwksClient, issuer: Issuer, ring: KeyRing, logged: list[Any]
) -> None:
    """One bad answer before a good one is no failure."""
    issuer.answers = [httpx.ConnectError("x"), lambda: raw(status=503)]

    assert await client.refresh()
    assert kids(ring) == ["one"]
    assert client.status().failures_in_a_row == 0


async def test_answer_that_never_ends_is_given_up(issuer: Issuer, ring: KeyRing, clock: Any) -> None:
    """The timeout is for the whole answer, however it drips."""
    issuer.gate = asyncio.Event()
    client = JwksClient(JwksSettings(url=URL, timeout=0.01), ring, clock=clock, transport=issuer)
    assert not await client.refresh()
    await client.close()

    assert client.status().last_error == "no whole answer in 0.01 s"


async def test_recovery_after_failures_is_news(client: JwksClient, issuer: Issuer, logged: list[Any]) -> None:
    """The log tells that keys are fresh again."""
    await client.refresh()
    issuer.answers = [lambda: raw(status=404)]
    await client.refresh()
    await client.refresh()

    assert [line["event"] for line in logged] == ["key_set_fetched", "key_set_not_fetched", "key_set_fetched"]


async def test_skipped_keys_are_warned_of(client: JwksClient, issuer: Issuer, logged: list[Any]) -> None:
    """A key that cannot be used is named with its reason, in the log and in the status."""
    issuer.answers = [lambda: raw(json.dumps({"keys": [KEYS[0], {"kty": "oct", "k": "AAAA"}]}).encode())]
    await client.refresh()

    assert logged[0]["log_level"] == "warning"
    assert "oct" in client.status().skipped[0]


async def test_concurrent_refreshes_share_one_fetch(client: JwksClient, issuer: Issuer, settle: Any) -> None:
    """A crowd with a new key id makes one request, and one that leaves does not end it for the others."""
    issuer.gate = asyncio.Event()
    waiting = [asyncio.ensure_future(client.refresh_for_unknown_key()) for _ in range(50)]
    await settle()
    waiting[0].cancel()
    await settle()
    issuer.gate.set()

    assert await asyncio.gather(*waiting[1:]) == [True] * 49
    assert len(issuer.requests) == 1


async def test_unknown_keys_fetch_at_most_once_per_interval(client: JwksClient, issuer: Issuer, clock: Any) -> None:
    """Made-up key ids do not turn the gateway against the issuer."""
    assert await client.refresh_for_unknown_key()
    clock.advance(9.9)
    assert not await client.refresh_for_unknown_key()
    clock.advance(0.1)
    assert await client.refresh_for_unknown_key()

    assert len(issuer.requests) == 2


async def test_failures_count_for_the_interval_too(client: JwksClient, issuer: Issuer, clock: Any) -> None:
    """A dead issuer is not asked for each token either."""
    issuer.answers = [lambda: raw(status=404)]
    assert not await client.refresh_for_unknown_key()
    assert not await client.refresh_for_unknown_key()

    assert len(issuer.requests) == 1


async def test_run_refreshes_at_the_interval_and_sooner_after_failures(client: JwksClient, issuer: Issuer) -> None:
    """Pauses are the interval less up to a tenth; after failures they begin short and grow up to it."""
    issuer.answers = [lambda: raw(status=404)] * 12
    pauses: list[float] = []

    class Enough(Exception):
        pass

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 13:
            raise Enough

    with pytest.raises(Enough):
        await client.run(sleep)

    expected = [min(3600, 10 * 2**number) for number in range(12)] + [3600]
    assert all(0.9 * limit <= pause <= limit for pause, limit in zip(pauses, expected, strict=True))


async def test_close_ends_a_running_fetch(client: JwksClient, issuer: Issuer, settle: Any) -> None:
    """Nothing stays behind."""
    issuer.gate = asyncio.Event()
    waiting = asyncio.ensure_future(client.refresh())
    await settle()
    await client.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "https://issuer.example/keys"),
        ("http://h:8080/a#b", "http://h:8080/a"),
        ("http://h:port/", "(not a URL)"),
    ],
)
def test_shown_url_has_no_secret(url: str, shown: str) -> None:
    """User, password, query and fragment are left out."""
    assert shown_url(url) == shown
