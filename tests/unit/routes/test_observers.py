from dataclasses import replace
from types import SimpleNamespace

import pytest

from holdfast.connections.core import Clocks
from holdfast.connections.records import Forgetful
from holdfast.connections.transport import Handshake
from holdfast.errors import DoorError, LifecycleError, ProtocolError, error_of
from holdfast.routes.observers import (
    observe_api_call,
    observe_bad_request,
    observe_emulation,
    observe_failed_command,
    observe_handshake,
    observe_poll_refusal,
    observe_refused_path,
    remember_with,
)
from holdfast.telemetry import metrics

CLOCKS = Clocks(lambda: 12.5, lambda: 1000.0)
HANDSHAKE = Handshake("/connection/websocket", b"token=secret", [], "198.51.100.1", "http", "attempt-1")


@pytest.fixture
def book():
    """What is remembered: refused attempts, and the ids of those that were let in."""
    book = SimpleNamespace(attempts=[], ids=[])
    book.refused, book.admitted = book.attempts.append, lambda attempt, seen: book.ids.append(attempt)
    remember_with(book, CLOCKS)
    yield book
    remember_with(Forgetful(), CLOCKS)


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


def test_observe_refused_path_forgets_tokens(book):
    """A token in the path is neither remembered nor told to whoever asks what became of the attempt."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"
    scope = {"type": "http", "path": f"/connection/{token}", "headers": []}
    observe_refused_path(scope, DoorError("not_found", f"Came '/connection/{token}'."), "198.51.100.1", "a")

    (attempt,) = book.attempts
    assert attempt.path.startswith("/connection/eyJ")
    assert "c2lnbmF0dXJl" not in repr(attempt)
    assert "eyJzdWIiOiI0MiJ9" not in repr(attempt)


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
    observe_refused_path(
        {"type": kind, "path": "/x", "headers": []}, DoorError("not_found"), "198.51.100.1", "attempt-1"
    )

    assert value(name, **labels) == before + 1


def test_observe_stripped_handshake_is_one(book):
    """A handshake that a proxy made a plain request of counts as a handshake, and is remembered as an attempt."""
    labels = {"transport": "websocket", "slug": "upgrade_stripped"}
    before = value("holdfast_handshakes_total", **labels)
    scope = {"type": "http", "path": "/connection/websocket", "headers": []}
    observe_refused_path(scope, DoorError("upgrade_stripped"), "198.51.100.1", "attempt-1")

    assert value("holdfast_handshakes_total", **labels) == before + 1
    assert [one.transport for one in book.attempts] == ["websocket"]


def test_observe_refused_path_log(capsys):
    """A handshake on a path that has nothing is logged with its transport, as others are."""
    observe_refused_path(
        {"type": "websocket", "path": "/x", "headers": []}, DoorError("not_found"), "198.51.100.1", "attempt-1"
    )

    assert '"transport": "websocket"' in capsys.readouterr().err


def test_observe_bad_request(capsys):
    """What is no request is counted, and its line tells where it came from and which attempt it was."""
    labels = {"slug": "bad_handshake"}
    before = value("holdfast_http_refusals_total", **labels)
    observe_bad_request(replace(HANDSHAKE, path="/x" * 900), DoorError("bad_handshake", "why"))

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


@pytest.mark.parametrize("slug", ["bad_request", "internal_error", "unknown_session", "peer_unreachable"])
def test_observe_poll_refusal(capsys, slug):
    """A bad poll is logged; that a session or its instance is gone is no news after a restart."""
    observe_poll_refusal(replace(HANDSHAKE, transport="poll"), error_of(slug, "why"))
    is_written = slug in {"bad_request", "internal_error"}

    line = capsys.readouterr().err
    assert (slug in line and "198.51.100.1" in line) is is_written


def test_refused_handshake_is_remembered(book):
    """With cause, stage, moment, how long it took and what the gateway saw of it; its query is in none of that."""
    handshake = replace(HANDSHAKE, headers=[(b"via", b"p"), (b"cookie", b"secret")], accepted_at=12.0, timings={})
    observe_handshake(handshake, DoorError("origin_not_allowed", "why"))
    (attempt,) = book.attempts

    assert (attempt.attempt, attempt.slug, attempt.stage, attempt.detail) == (
        "attempt-1",
        "origin_not_allowed",
        "origin",
        "why",
    )
    assert (attempt.at, attempt.address, attempt.transport) == (1000.0, "198.51.100.1", "websocket")
    assert attempt.timings == {"refused": 0.5}
    assert attempt.seen["via"] == "p"
    assert "secret" not in repr(attempt)


def test_admitted_handshake_is_remembered_if_somebody_may_ask(book):
    """Only a client that named its attempt can ask what the gateway saw."""
    observe_handshake(HANDSHAKE, None)
    observe_handshake(replace(HANDSHAKE, query=b"cid=00"), None)

    assert book.ids == ["attempt-1"]
    assert not book.attempts


def test_other_refusals_are_remembered(book):
    """Wrong paths of handshakes, bad requests and bad polls are attempts; what scanners ask for is not."""
    refusal = DoorError("not_found")
    scope = {"headers": [], "path": "/x"}
    observe_refused_path({"type": "websocket", **scope}, refusal, "192.0.2.1", "wrong")
    observe_refused_path({"type": "http", **scope}, refusal, "192.0.2.1", "scan")
    observe_refused_path({"type": "http", **scope, "path": "/connection/x"}, refusal, "192.0.2.1", "near")
    observe_bad_request(replace(HANDSHAKE, path="", transport="http", attempt_id="bytes"), DoorError("bad_http"))
    observe_bad_request(replace(HANDSHAKE, path="/api", transport="http"), DoorError("headers_too_large"))
    observe_poll_refusal(replace(HANDSHAKE, attempt_id="poll"), ProtocolError("bad_request"))
    observe_poll_refusal(replace(HANDSHAKE, attempt_id="lost"), DoorError("unknown_session"))

    assert [one.attempt for one in book.attempts] == ["wrong", "near", "bytes", "poll"]


def test_client_that_leaves_before_its_request_is_complete(book):
    """It got no further than its request, whatever the cause means later on."""
    observe_handshake(replace(HANDSHAKE, transport="sse"), LifecycleError("client_gone"))

    assert [(one.slug, one.stage) for one in book.attempts] == [("client_gone", "upgrade")]
