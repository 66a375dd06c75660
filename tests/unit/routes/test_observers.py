from dataclasses import replace

import pytest

from holdfast.connections.transport import Handshake
from holdfast.errors import DoorError, GatewayError, ProtocolError
from holdfast.routes.observers import (
    observe_api_call,
    observe_bad_request,
    observe_emulation,
    observe_failed_command,
    observe_handshake,
    observe_poll_refusal,
    observe_refused_path,
)
from holdfast.telemetry import metrics

HANDSHAKE = Handshake("/connection/websocket", b"token=secret", [], "198.51.100.1", "http", "attempt-1")


def value(name: str, **labels: str) -> float:
    """Return a metric's value."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize("transport", ["websocket", "http_stream", "sse"])
def test_observe_handshake(transport):
    """Handshakes are counted by transport and outcome."""
    ok = {"transport": transport, "slug": "ok"}
    refused = {"transport": transport, "slug": "origin_not_allowed"}
    before = value("holdfast_handshakes_total", **ok), value("holdfast_handshakes_total", **refused)
    handshake = replace(HANDSHAKE, transport=transport)
    observe_handshake(handshake, None)
    observe_handshake(handshake, DoorError("origin_not_allowed", "why"))

    after = value("holdfast_handshakes_total", **ok), value("holdfast_handshakes_total", **refused)
    assert after == (before[0] + 1, before[1] + 1)


def test_observe_handshake_of_a_poll():
    """Each transport has its own count."""
    ok = {"transport": "poll", "slug": "ok"}
    before = value("holdfast_handshakes_total", **ok)
    observe_handshake(replace(HANDSHAKE, transport="poll"), None)

    assert value("holdfast_handshakes_total", **ok) == before + 1


def test_observe_handshake_log(capsys):
    """A refused handshake is logged with its cause and never with its query."""
    observe_handshake(HANDSHAKE, DoorError("origin_not_allowed"))

    line = capsys.readouterr().err
    assert "origin_not_allowed" in line
    assert "attempt-1" in line
    assert "secret" not in line


def test_observe_handshake_while_draining_is_counted_only(capsys):
    """Everybody a draining instance sent away may knock once more: one line each would be a flood."""
    observe_handshake(HANDSHAKE, DoorError("draining"))

    assert "draining" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "name", "labels"),
    [
        ("http", "holdfast_http_refusals_total", {"slug": "not_found"}),
        ("websocket", "holdfast_handshakes_total", {"transport": "websocket", "slug": "not_found"}),
    ],
)
def test_observe_refused_path(kind, name, labels):
    """A path where nothing is counts as what came: a request or a handshake."""
    before = value(name, **labels)
    observe_refused_path({"type": kind, "path": "/x"}, DoorError("not_found"), "198.51.100.1", "attempt-1")

    assert value(name, **labels) == before + 1


def test_observe_refused_path_log(capsys):
    """A handshake on a path that has nothing is logged with its transport, as others are."""
    observe_refused_path({"type": "websocket", "path": "/x"}, DoorError("not_found"), "198.51.100.1", "attempt-1")

    assert '"transport": "websocket"' in capsys.readouterr().err


def test_observe_bad_request(capsys):
    """What is no request is counted, and its line tells where it came from and which attempt it was."""
    labels = {"slug": "bad_handshake"}
    before = value("holdfast_http_refusals_total", **labels)
    observe_bad_request(DoorError("bad_handshake", "why"), "/x" * 900, "198.51.100.1", "attempt-1")

    assert value("holdfast_http_refusals_total", **labels) == before + 1
    line = capsys.readouterr().err
    assert "198.51.100.1" in line
    assert "attempt-1" in line
    assert len(line) < 600


def test_observe_emulation(capsys):
    """Emulation requests are counted by outcome; a bad one is logged, a session that is gone is no news."""
    name, slugs = "holdfast_emulation_requests_total", ("ok", "unknown_session", "bad_request")
    before = [value(name, slug=slug) for slug in slugs]
    observe_emulation("192.0.2.6", None)
    observe_emulation("192.0.2.7", DoorError("unknown_session", "It has ended."))
    observe_emulation("192.0.2.8", ProtocolError("bad_request", "Expected JSON."))

    assert [value(name, slug=slug) for slug in slugs] == [count + 1 for count in before]
    lines = capsys.readouterr().err
    assert "192.0.2.8" in lines
    assert "192.0.2.7" not in lines


def test_observe_api_call_seconds():
    """How long a call took is told where it was carried out."""
    before = value("holdfast_api_request_seconds_count")
    observe_api_call("publish", "ok", "", 0.001)
    observe_api_call("publish", "api_key_missing")

    assert value("holdfast_api_request_seconds_count") == before + 1


def test_observe_api_call_log(capsys):
    """A failed call is logged with its cause and the caller's address."""
    observe_api_call("publish", "api_key_invalid", address="192.0.2.7")

    line = capsys.readouterr().err
    assert "api_key_invalid" in line
    assert "192.0.2.7" in line


def test_observe_failed_command():
    """A command that failed among others is counted by its slug alone."""
    errors = value("holdfast_api_errors_total", slug="conflict")
    observe_failed_command("conflict")

    assert value("holdfast_api_errors_total", slug="conflict") == errors + 1


def test_observe_api_call():
    """Calls are counted by method, failures by slug too."""
    commands = value("holdfast_api_commands_total", method="publish")
    errors = value("holdfast_api_errors_total", slug="unknown_channel")
    observe_api_call("publish", "ok", "")
    observe_api_call("publish", "unknown_channel", "x")

    assert value("holdfast_api_commands_total", method="publish") == commands + 2
    assert value("holdfast_api_errors_total", slug="unknown_channel") == errors + 1


@pytest.mark.parametrize(("slug", "is_written"), [("bad_request", True), ("unknown_session", False)])
def test_observe_poll_refusal(capsys, slug, is_written):
    """A bad poll is logged; that a session is gone is no news after a restart."""
    observe_poll_refusal("198.51.100.1", GatewayError(slug, "why"))

    line = capsys.readouterr().err
    assert (slug in line and "198.51.100.1" in line) is is_written
