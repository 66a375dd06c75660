"""Tests of holdfast.cli.api_client."""

import ssl

import httpx
import pytest

from holdfast.cli.api_client import SOCKETS, call, get
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.place import Place

PLACE = Place("http://127.0.0.1:8000", "http://127.0.0.1:9000", "key-of-the-api")


def test_call_carries_key_and_parameters(fake_gateway):
    """The method is in the path, the key in its header, at the internal address."""
    fake_gateway.result("publish", {"offset": 3})

    assert call(PLACE, "publish", channel="a") == {"offset": 3}
    request = fake_gateway.requests[0]
    assert str(request.url) == "http://127.0.0.1:9000/api/publish"
    assert request.headers["X-API-Key"] == "key-of-the-api"
    assert fake_gateway.sent() == {"channel": "a"}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"error": {"code": 102, "message": "unknown_channel"}}),
        httpx.Response(404, json={"code": 102, "slug": "unknown_channel", "message": "m", "remedy": "r"}),
    ],
)
def test_call_explains_a_refusal(fake_gateway, answer):
    """An error in either form names the cause and what to do."""
    fake_gateway.answers["/api/publish"] = answer

    with pytest.raises(CliError, match=r"unknown_channel \(102\)") as caught:
        call(PLACE, "publish")

    assert caught.value.code == Exit.REFUSED
    assert "\n  " in str(caught.value)


def test_call_says_when_nothing_answers(fake_gateway):
    """A gateway that is down could not be checked, and no key is in the text."""
    fake_gateway.is_down = True

    with pytest.raises(CliError, match=r"no gateway answered at http://127\.0\.0\.1:9000") as caught:
        call(PLACE, "info")

    assert caught.value.code == Exit.UNKNOWN
    assert "key-of-the-api" not in str(caught.value)


@pytest.mark.parametrize("text", ["<html>", "[]"])
def test_call_recognises_strangers(fake_gateway, text):
    """Something else listens there."""
    fake_gateway.answers["/api/info"] = httpx.Response(200, text=text)

    with pytest.raises(CliError, match="no gateway"):
        call(PLACE, "info")


def test_get_trusts_what_the_system_trusts(fake_gateway, monkeypatch):
    """Certificates are compared with the system's authorities and SSL_CERT_FILE, on this machine too."""
    contexts, client = [], httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **options: contexts.append(options["verify"]) or client(**options))
    fake_gateway.answers["/livez"] = httpx.Response(200)

    get("https://127.0.0.1:9000/livez")
    get("http://127.0.0.1:9000/livez")
    get("http://gateway.example:9000/livez")

    assert isinstance(contexts[0], ssl.SSLContext)
    # Nothing of this machine is asked by TLS or a proxy; elsewhere a proxy may want TLS.
    assert contexts[1:] == [False, True]


def test_get_returns_any_status(fake_gateway):
    """A 503 of /readyz is an answer."""
    fake_gateway.answers["/readyz"] = httpx.Response(503)

    assert get("http://127.0.0.1:9000/readyz").status_code == 503


def test_get_tells_one_that_hangs_from_one_that_is_not_there(monkeypatch):
    """A kernel takes connections for a process that is stopped: nothing is wrong with the address then."""

    def hang(*_):
        raise httpx.ReadTimeout("timed out")

    monkeypatch.setattr(httpx.Client, "send", hang)

    with pytest.raises(CliError, match=r"connected, and no answer came.*\n.*hangs"):
        get("http://127.0.0.1:9000/livez")


def test_address_behind_a_socket_is_reached_by_it(monkeypatch):
    """Past any proxy, and the request names the address as everywhere."""
    ways = []

    def way(uds):
        ways.append(uds)
        return httpx.MockTransport(lambda request: httpx.Response(200, text=str(request.url)))

    monkeypatch.setattr(httpx, "HTTPTransport", way)
    monkeypatch.setitem(SOCKETS, "gw1-1a.tunnel-1.invalid:9000", "/run/holdfast-x/tunnel")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    assert get("http://gw1-1a.tunnel-1.invalid:9000/livez").text == "http://gw1-1a.tunnel-1.invalid:9000/livez"
    assert ways == ["/run/holdfast-x/tunnel"]
