"""A backend that misbehaves in every way harms one call at a time: each has its name, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests import backends
from tests.backends import Backend, Behaviour, running_backend
from tests.certificates import write_certificate
from tests.gateway import Gateway, running
from tests.raw_client import RawClient

PATIENCE_SECONDS = 10.0
KEY = "static-secret-of-the-backend"

BAD: dict[str, tuple[Behaviour, str]] = {
    "garbage": (backends.respond(b"<html>Bad gateway</html>"), "proxy_bad_reply"),
    "nothing": (backends.respond(b""), "proxy_bad_reply"),
    "wrong types": (backends.say({"result": "yes"}), "proxy_bad_reply"),
    "no result": (backends.say({"ok": True}), "proxy_bad_reply"),
    "invalid UTF-8": (backends.respond(b'{"result":{"data":"\xff\xfe"}}'), "proxy_bad_reply"),
    "deep nesting": (backends.respond(b'{"result":{"data":' + b"[" * 500_000), "proxy_bad_reply"),
    "no HTTP": (backends.babble, "proxy_bad_reply"),
    "compressed": (backends.respond(b"x", headers=("Content-Encoding: gzip",)), "proxy_bad_reply"),
    "500": (backends.respond(b"oops", 500), "proxy_bad_status"),
    "404": (backends.respond(b"", 404), "proxy_bad_status"),
    "redirect": (backends.respond(b"", 307, ("Location: http://127.0.0.1:1/",)), "proxy_redirect"),
    "megabytes announced": (backends.respond(b" " * 3_000_000), "proxy_too_large"),
    "megabytes in chunks": (backends.flood, "proxy_too_large"),
    "never": (backends.hang, "proxy_timeout"),
    "slow drip": (backends.drip, "proxy_timeout"),
    "cut in the middle": (backends.cut, "proxy_broken"),
    "gone without a word": (backends.vanish, "proxy_broken"),
    "a number of ours": (backends.say({"error": {"code": 1900}}), "proxy_bad_number"),
    "a JSON reason": (backends.say({"disconnect": {"code": 4000, "reason": "{}"}}), "proxy_bad_number"),
}


@pytest.fixture(scope="module")
def bad() -> Iterator[Backend]:
    """One backend for all tests of this file that do not count on its being alone."""
    with running_backend() as one:
        yield one


@pytest.fixture(scope="module")
def calling(bad: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose rpc goes to the bad backend, without a breaker: each failure is to be seen."""
    proxy = {
        "endpoint": bad.url("/rpc"),
        "timeout": "300ms",
        "http": {"static_headers": {"X-Key": KEY}},
        "guards": {"breaker_ratio": 0},
    }
    # The discard port, where nobody listens.
    closed = {"name": "closed", "endpoint": "http://127.0.0.1:9/rpc"}
    namespaces = [{"name": "closed", "proxy_enabled": True, "proxy_name": "closed"}]
    rpc = {"proxy": proxy, "without_namespace": {"proxy_enabled": True}, "namespaces": namespaces}
    with running(tmp_path_factory.mktemp("calling"), {"rpc": rpc, "proxies": [closed]}) as gateway:
        yield gateway


def descriptors(gateway: Gateway) -> int:
    """Return how many files and sockets the gateway has open."""
    return len(os.listdir(f"/proc/{gateway.pid}/fd"))


def eventually(check: object, wanted: object) -> None:
    """Wait until a function returns what is wanted."""
    assert callable(check)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while check() != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert check() == wanted


@pytest.mark.parametrize("behaviour", BAD)
def test_bad_answer_has_its_name(behaviour: str, bad: Backend, calling: Gateway) -> None:
    """The client may try again, log and metric say why, and the next call works on as few descriptors as before."""
    bad.answers["/rpc"], slug = BAD[behaviour]
    with RawClient(calling) as client:
        before = calling.metric("holdfast_proxy_calls_total", proxy="rpc", slug=slug)
        refused = client.command("rpc", method="m", data={"a": 1})
        line = calling.wait_for_event("command_refused", client=client.id)
        bad.answers["/rpc"] = backends.result(data="fine")
        answered = client.command("rpc", method="m", data={"a": 1})

        assert refused["error"] == {"code": 100, "message": slug, "temporary": True}
        assert answered["rpc"] == {"data": "fine"}
        assert (line["slug"], line["proxy"], line["method"]) == (slug, "rpc", "rpc")
        assert calling.metric("holdfast_proxy_calls_total", proxy="rpc", slug=slug) == before + 1
        assert calling.metric("holdfast_proxy_calls_in_flight", proxy="rpc") == 0


def test_refused_connection_is_repeated_and_named(calling: Gateway) -> None:
    """Nothing was sent, so it is tried again, for a while."""
    with RawClient(calling) as client:
        refused = client.command("rpc", method="closed:m")

    assert refused["error"] == {"code": 100, "message": "proxy_refused", "temporary": True}
    assert "Connection refused" in calling.wait_for_event("command_refused", slug="proxy_refused")["detail"]


def test_nothing_is_left_of_bad_calls(bad: Backend, calling: Gateway) -> None:
    """No descriptor, no traceback, no secret in the log."""
    with RawClient(calling) as client:
        bad.answers["/rpc"] = backends.result()
        client.command("rpc", method="m")
        time.sleep(2)  # idle connections to the backend end by themselves
        client.command("rpc", method="m")
        before = descriptors(calling)
        for behaviour, _ in BAD.values():
            if behaviour not in (backends.hang, backends.drip):
                bad.answers["/rpc"] = behaviour
                for _ in range(5):
                    client.command("rpc", method="m", data={"password": "of-a-user"})
        bad.answers["/rpc"] = backends.result()
        client.command("rpc", method="m")
        eventually(lambda: descriptors(calling) <= before, True)

    log = calling.log()
    assert "Traceback" not in log
    assert KEY not in log
    assert "of-a-user" not in log


def test_breaker_spares_a_dead_backend_and_lets_it_come_back(backend, start_gateway):
    """After enough failures calls fail at once, without a connection; when it is back they work again by themselves."""
    guards = {"breaker_min_calls": 5, "breaker_open": "300ms"}
    proxy = {"endpoint": backend.url("/rpc"), "guards": guards}
    gateway = start_gateway({"rpc": {"proxy": proxy, "without_namespace": {"proxy_enabled": True}}})
    backend.answers["/rpc"] = backends.vanish
    with RawClient(gateway) as client:
        slugs = [client.command("rpc", method="m")["error"]["message"] for _ in range(10)]
        asked = len(backend.asked("/rpc"))
        state = gateway.metric("holdfast_proxy_breaker_state", proxy="rpc")
        backend.answers["/rpc"] = backends.result(data=1)
        eventually(lambda: client.command("rpc", method="m").get("rpc"), {"data": 1})

    assert slugs == ["proxy_broken"] * 5 + ["proxy_breaker_open"] * 5
    assert asked == 5
    assert state == 2
    assert gateway.metric("holdfast_proxy_breaker_state", proxy="rpc") == 0
    gateway.wait_for_event("proxy_breaker", state="closed")
    assert [line["state"] for line in gateway.events("proxy_breaker")] == ["open", "half_open", "closed"]


def test_publication_is_asked_about_once(backend, start_gateway):
    """One that may have been seen is never sent again."""
    without = {"publish_proxy_enabled": True}
    channel = {"proxy": {"publish": {"endpoint": backend.url("/publish")}}, "without_namespace": without}
    gateway = start_gateway({"channel": channel})
    backend.answers["/publish"] = backends.vanish
    with RawClient(gateway) as client:
        reply = client.command("publish", channel="news", data=1)

    assert reply["error"]["message"] == "proxy_broken"
    assert len(backend.asked("/publish")) == 1


def hanging_settings(backend: Backend, timeout: str) -> dict[str, object]:
    """Return settings whose connects wait for a backend that hangs."""
    guards = {"max_wait": timeout, "max_in_flight": 256, "breaker_ratio": 0}
    proxy = {"enabled": True, "endpoint": backend.url("/connect"), "timeout": timeout, "guards": guards}
    return {"client": {"ping_interval": 1, "pong_timeout": 0.8, "proxy": {"connect": proxy}}}


async def _connect(gateway: Gateway) -> ClientConnection:
    socket = await connect(gateway.ws_url, proxy=None, ping_interval=None, max_queue=None)
    await socket.send('{"id":1,"connect":{}}')
    return socket


async def _follow(gateway: Gateway, listener: ClientConnection, seconds: float) -> tuple[list[float], int]:
    """Publish one after the other for some time; return how long each took to arrive, and how many pings came."""
    delays, pings, end = [], 0, time.monotonic() + seconds
    headers = {"X-API-Key": gateway.api_key}
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, trust_env=False) as api:
        while (sent := time.monotonic()) < end:
            publishing = asyncio.ensure_future(api.post("/api/publish", json={"channel": "news", "data": 1}))
            while not json.loads(await asyncio.wait_for(listener.recv(), 5)):
                pings += 1
                await listener.send("{}")
            delays.append(time.monotonic() - sent)
            await publishing
            await asyncio.sleep(0.01)
    return delays, pings


def _told(delays: list[float]) -> str:
    middle = sorted(delays)[len(delays) // 2]
    return f"{len(delays)} publications, median {middle * 1000:.1f} ms, worst {max(delays) * 1000:.0f} ms"


async def test_hanging_connects_disturb_nobody(backend, start_gateway):
    """While 500 connects wait for the backend, others get publications and pings as ever; then each may try again."""
    backend.answers["/connect"] = backends.hang
    gateway = start_gateway(hanging_settings(backend, "4s"))
    before = descriptors(gateway)
    listener = await connect(gateway.ws_url, proxy=None, ping_interval=None)
    await listener.send(json.dumps({"id": 1, "connect": {"token": gateway.token("anna")}}))
    await listener.send(json.dumps({"id": 2, "subscribe": {"channel": "news"}}))
    for _ in range(2):
        await listener.recv()

    alone, _ = await _follow(gateway, listener, 1.0)
    hanging = await asyncio.gather(*(_connect(gateway) for _ in range(500)))
    delays, pings = await _follow(gateway, listener, 2.5)
    in_flight = gateway.metric("holdfast_proxy_calls_in_flight", proxy="connect")
    replies = [json.loads(await asyncio.wait_for(one.recv(), 10)) for one in hanging]
    await asyncio.gather(*(one.close() for one in (*hanging, listener)))

    print(
        f"alone: {_told(alone)}; beside 500 hanging connects: {_told(delays)}, {pings} pings, {in_flight:.0f} in flight"
    )
    assert in_flight == 256
    assert {reply["error"]["code"] for reply in replies} == {100}
    assert {reply["error"]["temporary"] for reply in replies} == {True}
    assert {reply["error"]["message"] for reply in replies} <= {"proxy_timeout", "proxy_busy"}
    assert pings >= 2
    assert sorted(delays)[len(delays) // 2] < 0.1
    assert max(delays) < 1.0
    await asyncio.to_thread(eventually, lambda: descriptors(gateway) <= before + 1, True)
    assert gateway.metric("holdfast_proxy_calls_in_flight", proxy="connect") == 0


async def test_connections_that_leave_while_waiting_leave_nothing(backend, start_gateway):
    """Their calls end with the timeout, and nobody is counted."""
    backend.answers["/connect"] = backends.hang
    gateway = start_gateway(hanging_settings(backend, "1s"))
    before = descriptors(gateway)
    hanging = await asyncio.gather(*(_connect(gateway) for _ in range(100)))
    await asyncio.gather(*(one.close() for one in hanging))
    await asyncio.to_thread(eventually, lambda: gateway.metric("holdfast_proxy_calls_in_flight", proxy="connect"), 0.0)
    await asyncio.to_thread(eventually, lambda: descriptors(gateway) <= before + 1, True)

    assert gateway.metric("holdfast_connections") == 0
    assert "Traceback" not in gateway.log()
    assert Path(f"/proc/{gateway.pid}").exists()


async def test_stopping_waits_for_no_backend(backend, start_gateway):
    """Clients whose connect hangs are told to go like all others, and the process ends cleanly."""
    backend.answers["/connect"] = backends.hang
    gateway = start_gateway(hanging_settings(backend, "20s"))
    hanging = await asyncio.gather(*(_connect(gateway) for _ in range(20)))
    await asyncio.to_thread(eventually, lambda: gateway.metric("holdfast_proxy_calls_in_flight", proxy="connect"), 20.0)
    started = time.monotonic()
    code = await asyncio.to_thread(gateway.stop)
    await asyncio.gather(*(one.wait_closed() for one in hanging))

    assert code == 0
    assert time.monotonic() - started < 8
    assert {one.close_code for one in hanging} == {3001}
    assert "Traceback" not in gateway.log()


def test_backend_behind_tls_is_verified(tmp_path, start_gateway):
    """A certificate that nobody vouches for, or that names another, is refused; the configured authority's is taken."""
    cert_file, key_file = write_certificate(tmp_path, "backend.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    with running_backend(context) as backend:
        backend.answers["/rpc"] = backends.result(data="fine")
        endpoint = backend.url("/rpc").replace("http:", "https:")
        trusting = {"enabled": True, "server_ca_pem": str(cert_file)}
        names = {"trusted": trusting, "named": {**trusting, "server_name": "backend.test"}}
        names |= {"misnamed": {**trusting, "server_name": "other.test"}, "unknown": {}}
        proxies = [{"name": name, "endpoint": endpoint, "http": {"tls": tls}} for name, tls in names.items()]
        namespaces = [{"name": name, "proxy_enabled": True, "proxy_name": name} for name in names]
        gateway = start_gateway({"proxies": proxies, "rpc": {"namespaces": namespaces}})
        with RawClient(gateway) as client:
            replies = {name: client.command("rpc", method=f"{name}:m") for name in names}

    assert replies["trusted"]["rpc"] == replies["named"]["rpc"] == {"data": "fine"}
    assert replies["misnamed"]["error"]["message"] == replies["unknown"]["error"]["message"] == "proxy_refused"
    refused = {name: gateway.wait_for_event("command_refused", proxy=name) for name in ("misnamed", "unknown")}
    details = {name: line["detail"] for name, line in refused.items()}
    assert details["unknown"] == "certificate: self-signed certificate"
    assert "other.test" in details["misnamed"]
