import asyncio
from dataclasses import replace

import pytest

from holdfast.app import EMULATION_PATH, HTTP_STREAM_PATH, POLL_PATH, SSE_PATH, Endpoints
from holdfast.main import build
from holdfast.monitoring.levels import CALM
from holdfast.settings import PollSettings, Settings
from holdfast.telemetry import metrics
from holdfast.wiring import make_endpoints
from holdfast.wiring_admission import make_admission
from tests.asgi import call


async def test_every_endpoint_is_made():
    """What the application routes to is all there."""
    gateway = build(Settings(), asyncio.get_running_loop())

    endpoints = make_endpoints(gateway.doors())

    by_path = [endpoints.streams, endpoints.public, endpoints.files, endpoints.admin]
    single = [
        getattr(endpoints, name) for name in Endpoints.__slots__ if name not in {"streams", "public", "files", "admin"}
    ]
    assert all(callable(one) for one in [*single, *(one for many in by_path for one in many.values())])
    assert set(endpoints.streams) == {HTTP_STREAM_PATH, SSE_PATH, EMULATION_PATH}


@pytest.mark.parametrize(
    ("off", "left"),
    [
        ({"http_stream"}, {SSE_PATH, EMULATION_PATH}),
        ({"sse"}, {HTTP_STREAM_PATH, EMULATION_PATH}),
        ({"sse", "http_stream"}, set()),
    ],
)
async def test_streams_that_are_off_have_no_path(off, left):
    """Each stream can be switched off, and without any nothing takes commands of streams."""
    settings = Settings.model_validate({name: {"enabled": False} for name in off})
    gateway = build(settings, asyncio.get_running_loop())

    endpoints = make_endpoints(replace(gateway.doors(), settings=settings))

    assert set(endpoints.streams) == left


async def test_unusable_patterns_are_told_at_once():
    """An origin pattern that cannot be used ends the start, not the first handshake."""
    gateway = build(Settings(), asyncio.get_running_loop())
    client = gateway.settings.client.model_copy(update={"allowed_origins": (" ",)})
    settings = gateway.settings.model_copy(update={"client": client})

    with pytest.raises(ValueError):
        make_admission(settings, gateway.core, lambda: CALM)


async def test_polls_can_be_switched_off():
    """Where polls are off there is nothing at their path."""
    gateway = build(Settings(), asyncio.get_running_loop())
    settings = gateway.settings.model_copy(update={"poll": PollSettings(enabled=False)})

    endpoints = make_endpoints(replace(gateway.doors(), settings=settings))

    assert endpoints.poll is endpoints.not_found


@pytest.mark.parametrize("is_on", [True, False])
async def test_compression_is_made_as_the_settings_say(is_on):
    """The door agrees on it only where it is switched on; the metrics are there all the same."""
    gateway = build(Settings(websocket={"compression": is_on}), asyncio.get_running_loop())
    doors = gateway.doors()

    assert (make_endpoints(doors).websocket._compression is not None) is is_on
    assert list(metrics.COMPRESSED_CONNECTIONS.collect())


@pytest.mark.parametrize("path", [HTTP_STREAM_PATH, SSE_PATH, EMULATION_PATH])
async def test_foreign_page_is_counted_and_named(path, capsys):
    """Whoever asks from a page that may not is refused, counted where it asked, and logged with its own address."""
    settings = Settings.model_validate({"http": {"trusted_proxies": ["127.0.0.1"]}})
    gateway = build(settings, asyncio.get_running_loop())
    endpoints = make_endpoints(replace(gateway.doors(), settings=settings))
    if path == EMULATION_PATH:
        name, labels = "holdfast_emulation_requests_total", {"slug": "origin_not_allowed"}
    else:
        transport = path.rpartition("/")[2]
        name, labels = "holdfast_handshakes_total", {"transport": transport, "slug": "origin_not_allowed"}
    before = metrics.REGISTRY.get_sample_value(name, labels) or 0.0
    headers = [("Origin", "https://evil.example.com"), ("X-Forwarded-For", "203.0.113.9")]
    answer = await call(endpoints.streams[path], "POST", path, headers=headers, client=("127.0.0.1", 1))

    assert answer.status == 403
    assert metrics.REGISTRY.get_sample_value(name, labels) == before + 1
    assert "203.0.113.9" in capsys.readouterr().err


async def test_poll_key_is_worth_nothing_with_other_headers_for_the_backend():
    """Who differs in what the backend is shown is given a session of their own, whatever key and commands say."""
    rpc = {"without_namespace": {"proxy_enabled": True}, "proxy": {"endpoint": "http://a/", "http_headers": ["X-User"]}}
    settings = Settings.model_validate({"rpc": rpc, "client": {"allow_anonymous": True}})
    gateway = build(settings, asyncio.get_running_loop())
    endpoints = make_endpoints(replace(gateway.doors(), settings=settings))
    body = b'{"key":"one key for everybody","commands":[{"id":1,"connect":{}}]}'

    async def opened(user: str) -> str:
        answer = await call(endpoints.poll, "POST", POLL_PATH, headers=[("X-User", user)], body=body)
        return answer.json()["session"]

    assert await opened("anna") == await opened("anna") != await opened("mallory")
