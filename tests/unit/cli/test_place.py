"""Tests of holdfast.cli.place."""

from pathlib import Path

import pytest

from holdfast.cli.failure import CliError
from holdfast.cli.place import LOCAL_FILE, authority, config_path, is_loopback, place


def test_config_path_prefers_the_option():
    """An option wins over everything."""
    assert config_path(Path("mine.yaml"), {"HOLDFAST_CONFIG": "other.yaml"}) == Path("mine.yaml")


def test_config_path_falls_back_to_the_first_start_file():
    """Commands typed beside `make run` find that gateway."""
    LOCAL_FILE.parent.mkdir()
    LOCAL_FILE.touch()

    assert config_path(None, {}) == LOCAL_FILE
    assert config_path(None, {"HOLDFAST_CONFIG": "other.yaml"}) is None
    Path("holdfast.yaml").touch()
    assert config_path(None, {}) is None


def test_place_comes_from_the_url():
    """With a URL no settings are read."""
    found = place(None, "https://gw.example:8443/", "k")

    assert (found.public, found.internal, found.api_key) == ("https://gw.example:8443",) * 2 + ("k",)
    assert found.websocket == "wss://gw.example:8443/connection/websocket"


def test_place_comes_from_the_settings(monkeypatch):
    """Without a URL the settings say where the gateway listens, and with which key."""
    monkeypatch.setenv("HOLDFAST_HOST", "0.0.0.0")
    monkeypatch.setenv("HOLDFAST_PORT", "9000")
    monkeypatch.setenv("HOLDFAST_API__KEYS", '["first-key-of-the-list"]')

    found = place(None, "")

    assert found.public == "http://127.0.0.1:9000"
    assert found.api_key == "first-key-of-the-list"
    assert "first-key" not in repr(found)


def test_place_speaks_tls_to_the_public_port_alone(monkeypatch):
    """The internal port has no TLS, whatever the public one has."""
    monkeypatch.setenv("HOLDFAST_TLS__CERT_FILE", "cert.pem")
    monkeypatch.setenv("HOLDFAST_TLS__KEY_FILE", "key.pem")
    assert place(None, "").internal == "https://127.0.0.1:8000"

    monkeypatch.setenv("HOLDFAST_INTERNAL_PORT", "9001")

    found = place(None, "")
    assert (found.public, found.internal) == ("https://127.0.0.1:8000", "http://127.0.0.1:9001")


def test_place_follows_the_internal_port(monkeypatch):
    """API and health are asked where they moved."""
    monkeypatch.setenv("HOLDFAST_INTERNAL_PORT", "9001")

    found = place(None, "")

    assert (found.public, found.internal) == ("http://127.0.0.1:8000", "http://127.0.0.1:9001")


@pytest.mark.parametrize(
    ("typed", "base"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("gw.test", "https://gw.test"),
        ("ws://gw:8000", "http://gw:8000"),
        ("wss://gw.test/connection/websocket?cid=1", "https://gw.test"),
        ("https://gw.test/base/connection/sse", "https://gw.test/base"),
    ],
)
def test_place_takes_urls_as_people_have_them(typed, base):
    """Without a scheme, or the one that a page connects to."""
    assert place(None, typed).internal == base


@pytest.mark.parametrize("url", ["ftp://gw", "gw:port", "http://", "http://gw/api", "http://gw:0"])
def test_place_refuses_other_urls(url):
    """Only scheme, host and port can be used."""
    with pytest.raises(CliError, match="--url"):
        place(None, url)


def test_authority_brackets_ipv6():
    """An IPv6 address stands in brackets; a wildcard is reached by loopback."""
    assert authority("::1", 1) == "[::1]:1"
    assert authority("::", 1) == "[::1]:1"
    assert authority("gw", 1) == "gw:1"


@pytest.mark.parametrize(
    ("url", "expected"),
    [("http://127.0.0.1:1", True), ("ws://[::1]:1/x", True), ("http://localhost", True), ("http://gw", False)],
)
def test_loopback_is_recognised(url, expected):
    """No proxy is asked for this machine."""
    assert is_loopback(url) is expected
