from holdfast.connections.transport import Handshake
from holdfast.errors import DoorError
from holdfast.routes.observers import observe_api_call, observe_handshake
from holdfast.telemetry import metrics

HANDSHAKE = Handshake("/connection/websocket", b"token=secret", [], "198.51.100.1", "http", "attempt-1")


def value(name: str, **labels: str) -> float:
    """Return a metric's value."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_observe_handshake():
    """Handshakes are counted by outcome."""
    ok = {"transport": "websocket", "slug": "ok"}
    refused = {"transport": "websocket", "slug": "origin_not_allowed"}
    before = value("holdfast_handshakes_total", **ok), value("holdfast_handshakes_total", **refused)
    observe_handshake(HANDSHAKE, None)
    observe_handshake(HANDSHAKE, DoorError("origin_not_allowed", "why"))

    after = value("holdfast_handshakes_total", **ok), value("holdfast_handshakes_total", **refused)
    assert after == (before[0] + 1, before[1] + 1)


def test_observe_handshake_log(capsys):
    """A refused handshake is logged with its cause and never with its query."""
    observe_handshake(HANDSHAKE, DoorError("draining"))

    line = capsys.readouterr().err
    assert "draining" in line
    assert "attempt-1" in line
    assert "secret" not in line


def test_observe_api_call():
    """Calls are counted by method, failures by slug too."""
    commands = value("holdfast_api_commands_total", method="publish")
    errors = value("holdfast_api_errors_total", slug="unknown_channel")
    observe_api_call("publish", "ok", "")
    observe_api_call("publish", "unknown_channel", "x")

    assert value("holdfast_api_commands_total", method="publish") == commands + 2
    assert value("holdfast_api_errors_total", slug="unknown_channel") == errors + 1
