"""The demo of `serve --dev`: its page, its switches, and beginning again."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.demo import ATTEMPT, PATIENCE_SECONDS, running
from tests.gateway import Gateway


def test_dev_paths_do_not_exist_in_production(gateway: Gateway) -> None:
    """Neither the demo nor its switches, whatever the settings."""
    paths = ("/demo", "/demo/", "/demo/app.js", "/auth/dev/restart", "/auth/dev/kill")

    assert {httpx.post(gateway.url + path, json={}, trust_env=False).status_code for path in paths} == {404}
    assert {httpx.get(gateway.url + path, trust_env=False).status_code for path in paths} == {404}


def test_demo_breaks_what_its_switches_say(tmp_path: Path) -> None:
    """On a real socket: cut without a close frame, closed by the token's end, silent, or refused by a filter."""
    with running(tmp_path) as demo:
        assert demo.page.get("/demo/").status_code == 200
        with demo.connected() as killed:
            assert demo.post("dev/kill", attempt=ATTEMPT).status_code == 200
            with pytest.raises(ConnectionClosed) as end:
                killed.recv(PATIENCE_SECONDS)
            assert end.value.rcvd is None
        with demo.connected() as expired:
            demo.post("dev/expire", attempt=ATTEMPT)
            with pytest.raises(ConnectionClosed) as end:
                expired.recv(PATIENCE_SECONDS)
            assert end.value.rcvd is not None
            assert end.value.rcvd.code == 3005
        with demo.connected() as silent:
            assert demo.post("dev/silence", attempt=ATTEMPT).json()["ping_seconds"] > 0
            time.sleep(0.5)
            silent.send(json.dumps({"id": 2, "presence": {"channel": "lobby"}}))
            with pytest.raises(TimeoutError):
                silent.recv(1)
        demo.post("dev/block", transports=["websocket"], seconds=60)
        with pytest.raises(InvalidStatus, match="403"), demo.connected():
            pass
        demo.post("dev/block")
        with demo.connected():
            pass


def test_demo_begins_again_and_ends_when_told(tmp_path: Path) -> None:
    """The port and the session are the same after a restart; SIGTERM and Ctrl-C end it for good."""
    with running(tmp_path) as demo:
        for count in (1, 2):
            assert demo.post("dev/restart").status_code == 200
            demo.wait_for(f"Started again on {demo.url}", count)
            assert demo.page.get("/auth/session").json()["user"]["id"] == "alice"
        demo.process.send_signal(signal.SIGINT)

        assert demo.process.wait(PATIENCE_SECONDS) == 0
        assert demo.text().count("Started again") == 2


def test_signal_during_a_restart_ends_it(tmp_path: Path) -> None:
    """Whoever presses Ctrl-C wants it to be over, whatever a page has asked for."""
    with running(tmp_path) as demo:
        with demo.connected():  # who has to be told to leave, which takes a moment
            demo.post("dev/restart")
            demo.wait_for('"event": "stopping"')
            demo.process.terminate()

            assert demo.process.wait(PATIENCE_SECONDS) == 0
        assert "Started again" not in demo.text()
