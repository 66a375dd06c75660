"""Tests of holdfast.cli.health."""

import httpx
import pytest

URL = ("--url", "http://127.0.0.1:8000")


@pytest.mark.parametrize(("live", "ready", "code"), [(200, 200, 0), (200, 503, 1), (500, 503, 2)])
def test_health_exit_code_tells_alive_from_ready(cli, fake_gateway, live, ready, code):
    """0 ready, 1 alive but not ready, 2 not alive."""
    fake_gateway.answers |= {"/livez": httpx.Response(live), "/readyz": httpx.Response(ready, text="draining")}

    outcome = cli("health", *URL)

    assert outcome.code == code
    assert ("draining" in outcome.out) is (ready != 200)


def test_health_without_answer_exits_four(cli, fake_gateway):
    """Nothing there is no verdict."""
    fake_gateway.is_down = True

    assert cli("health", *URL).code == 4


def test_health_json_keeps_the_checks(cli, fake_gateway):
    """Each failing check that /readyz names is passed on; text that is no JSON too."""
    fake_gateway.answers |= {"/livez": httpx.Response(200), "/readyz": httpx.Response(503, json={"broker": "down"})}
    assert cli("health", "--json", *URL).json() == {"live": True, "ready": False, "readyz": {"broker": "down"}}

    fake_gateway.answers["/readyz"] = httpx.Response(200, text="ok")
    assert cli("health", "--json", *URL).json()["readyz"] == "ok"
