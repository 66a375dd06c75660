"""A proxy's answers: a result, the backend's own error or close, or a name for what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from holdfast.errors import ApplicationError, GatewayError, ProxyError
from holdfast.proxy import messages
from holdfast.proxy.endpoint import Endpoint
from holdfast.proxy.headers import NOBODY
from holdfast.resilience.circuit_breaker import BreakerState
from holdfast.settings_proxies import Proxy
from holdfast.telemetry.metrics import PROXY_CALLS
from tests.brokers import Clock
from tests.live import FakeCaller

REQUEST = messages.RpcRequest(client="c", transport="t", protocol="json", encoding="json", user="u", method="m")


def endpoint(answer: Callable[[httpx.Request], httpx.Response], **settings: Any) -> Endpoint:
    """Return a proxy whose backend is a function."""
    given = Proxy.model_validate({"endpoint": "http://host/x", **settings})
    return Endpoint("one", "proxies[0]", given, Clock(), FakeCaller(given, answer))


def saying(data: Any, status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    """Answer with JSON, or with bytes as they are."""
    body = data if isinstance(data, bytes) else msgspec.json.encode(data)
    return lambda request: httpx.Response(status, content=body)


async def failure(data: Any, status: int = 200, **settings: Any) -> GatewayError:
    """Return the error that an answer becomes."""
    with pytest.raises(GatewayError) as caught:
        await endpoint(saying(data, status), **settings).call(REQUEST, messages.RPC, NOBODY)
    return caught.value


def counted(slug: str) -> float:
    """Return how many calls ended so."""
    return PROXY_CALLS.labels("one", slug)._value.get()


async def test_result_is_returned_and_counted() -> None:
    """A good call."""
    before = counted("ok")
    found = await endpoint(saying({"result": {"data": {"a": 1}}})).call(REQUEST, messages.RPC, NOBODY)

    assert bytes(found.data) == b'{"a":1}'
    assert counted("ok") == before + 1


async def test_error_of_the_backend_passes() -> None:
    """With its number, message and whether to try again."""
    error = await failure({"error": {"code": 1000, "message": "no such thing", "temporary": True}})

    assert isinstance(error, ApplicationError)
    assert (error.slug, error.number, error.message, error.is_temporary) == (
        "application_error",
        1000,
        "no such thing",
        True,
    )


async def test_error_without_message_has_the_slug() -> None:
    """SDKs show a message."""
    assert (await failure({"error": {"code": 403}})).message == "application_error"


async def test_disconnect_of_the_backend_passes() -> None:
    """It goes before a result and an error."""
    error = await failure({"disconnect": {"code": 4501, "reason": "unauthorized"}, "error": {"code": 1000}})

    assert (error.slug, error.number, error.message) == ("application", 4501, "unauthorized")


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"code": 1900}},
        {"error": {}},
        {"disconnect": {"code": 4100}},
        {"disconnect": {"code": 4000, "reason": "{}"}},
        {"disconnect": {"code": 4000, "reason": "x" * 124}},
        {"disconnect": {}},
    ],
)
async def test_number_or_reason_of_ours_is_refused(answer: Any) -> None:
    """It would mean something else to the client."""
    error = await failure(answer)

    assert (error.slug, error.number, error.is_temporary) == ("proxy_bad_number", 100, True)


@pytest.mark.parametrize(
    "answer",
    [b"", b"{", b"[]", b"null", b'"\xff"', b"<html>", {}, {"result": None}, {"result": 5}, b"[" * 100000],
)
async def test_answer_that_is_none_is_named(answer: Any) -> None:
    """Garbage, wrong types, or nothing of what was asked for."""
    assert (await failure(answer)).slug == "proxy_bad_reply"


async def test_failure_names_the_proxy_and_is_counted() -> None:
    """The log line has it, and the metric."""
    before = counted("proxy_bad_status")
    error = await failure({}, 500)

    assert isinstance(error, ProxyError)
    assert error.context == {"proxy": "one"}
    assert counted("proxy_bad_status") == before + 1


async def test_status_becomes_what_the_settings_say() -> None:
    """An error or a close of the application's."""
    transforms = [
        {"status_code": 401, "to_disconnect": {"code": 4501, "reason": "unauthorized"}},
        {"status_code": 404, "to_error": {"code": 1000, "message": "unknown"}},
    ]
    http = {"status_to_code_transforms": transforms}

    assert (await failure({}, 401, http=http)).number == 4501
    assert (await failure({}, 404, http=http)).number == 1000
    assert (await failure({}, 403, http=http)).slug == "proxy_bad_status"


async def test_breaker_opens_for_a_backend_that_is_down_alone() -> None:
    """500s count, 404s, garbage and mapped statuses do not."""
    guards = {"breaker_min_calls": 1}
    http = {"status_to_code_transforms": [{"status_code": 503, "to_error": {"code": 1000}}]}
    states = []
    for status, body in ((404, b""), (200, b"garbage"), (503, b""), (500, b"")):
        one = endpoint(saying(body, status), guards=guards, http=http)
        with pytest.raises(GatewayError):
            await one.call(REQUEST, messages.RPC, NOBODY)
        states.append(one.breaker_state)

    assert states == [BreakerState.CLOSED] * 3 + [BreakerState.OPEN]
    assert one.in_flight == 0


async def test_bad_reply_found_later_is_counted() -> None:
    """By whoever reads the payloads."""
    before = counted("proxy_bad_reply")
    error = endpoint(saying({})).bad_reply("b64data: no base64")

    assert error.context == {"proxy": "one"}
    assert counted("proxy_bad_reply") == before + 1


async def test_endpoint_tells_what_it_forwards() -> None:
    """The allow-lists are its own."""
    one = endpoint(saying({}), http_headers=["Cookie"])

    assert one.forwards(b"cookie")
    assert not one.forwards(b"origin")
    assert one.pick([(b"cookie", b"1")], {}, "a").handshake == ((b"cookie", b"1"),)
    await one.close()
