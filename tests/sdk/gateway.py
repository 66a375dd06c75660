"""The gateway of the SDK tests: namespaces for every scenario, short times, and a restart on request."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.request
from pathlib import Path
from typing import Any

from tests.gateway import API_KEY, SECRET, Gateway

OPEN: dict[str, Any] = {
    "allow_subscribe_for_client": True,
    "allow_publish_for_subscriber": True,
    "allow_history_for_subscriber": True,
    "allow_presence_for_subscriber": True,
    "presence": True,
    "join_leave": True,
    "history_ttl": "300s",
}
BRIEF = {"history_size": 10, "history_ttl": "1s", "history_meta_ttl": "1s"}
DELTAS: dict[str, Any] = {"allowed_delta_types": ["fossil"]}
CACHE = {"force_recovery": True, "force_recovery_mode": "cache"}
NAMESPACES: list[dict[str, Any]] = [
    {"name": "chat", **OPEN, "history_size": 100, "force_push_join_leave": True},
    {"name": "asking", **OPEN, "history_size": 100},
    {"name": "kept", **OPEN, "history_size": 1000, "force_recovery": True},
    {"name": "short", **OPEN, "history_size": 3, "force_recovery": True},
    {"name": "brief", **OPEN, **BRIEF, "force_recovery": True},
    {"name": "plain", "allow_subscribe_for_client": True},
    {"name": "dialog", **OPEN, "history_size": 10, "allow_user_limited_channels": True},
    {"name": "bytes", **OPEN, "history_size": 10, "publication_data_format": "binary"},
    {"name": "closed"},
    {"name": "changing", **OPEN, "history_size": 10, "force_recovery": True, **DELTAS, "delta_publish": True},
    {"name": "score", **OPEN, "history_size": 10, **CACHE, **DELTAS, "delta_publish": True},
    {"name": "value", **OPEN, "history_size": 10, **CACHE, "auto_cache_recover": True},
    {"name": "numbered", "allow_subscribe_for_client": True, "channel_regex": r"^\d+$"},
    {"name": "tagged", **OPEN, "history_size": 100, "force_recovery": True, "allow_tags_filter": True, **DELTAS},
    {"name": "passing", "allow_subscribe_for_client": True, **DELTAS},
]
# Short times, so that tests of pings, pongs, grace periods and presence take a second or two.
CLIENT: dict[str, Any] = {
    "ping_interval": "2s",
    "pong_timeout": "1s",
    # The SDKs are told their time in whole seconds, so that they may ask half a second late on an idle machine.
    "expired_close_delay": "2s",
    "expired_sub_close_delay": "2s",
    "presence_update_interval": "1s",
    "position_check_interval": "1s",
    "command_rate": 0,
}


class SdkGateway(Gateway):
    """A gateway that tests in another language may use and restart."""

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(
            folder,
            {
                **more,
                "client": CLIENT,
                "channel": {"namespaces": NAMESPACES},
                "broker": more.get("broker", {"snapshot_path": str(folder / "history.snapshot")}),
                "shutdown": {"drain_window": "0.5s"},
                "poll": {"timeout": "1s", "idle_timeout": "3s", "end_grace": "2s"},
            },
        )
        self._control = Control(self)

    def environment(self) -> tuple[tuple[str, str], ...]:
        """Return what a test in another language needs to know."""
        return (
            ("HOLDFAST_TEST_URL", self.url),
            ("HOLDFAST_TEST_API_KEY", API_KEY),
            ("HOLDFAST_TEST_SECRET", SECRET),
            ("HOLDFAST_TEST_CONTROL", self._control.url),
        )

    def restart(self) -> None:
        """Stop cleanly and start again on the same port."""
        assert self.stop() == 0
        self.start()

    def close(self) -> None:
        """End everything."""
        self._control.close()
        assert self.stop() == 0

    def api(self, method: str, **params: Any) -> dict[str, Any]:
        """Call the server API and return the result of a call that must succeed."""
        answer = self._post(method, params)
        assert "error" not in answer, answer
        return dict(answer["result"])

    def batch(self, commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Send many API commands at once and return their replies, none of which may be an error."""
        replies = list(self._post("batch", {"commands": commands})["replies"])
        assert not any("error" in reply for reply in replies)
        return replies

    def _post(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        # Raises OSError while the gateway is away, which restart tests wait out.
        headers = {"X-API-Key": API_KEY, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/{method}", json.dumps(params).encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))


class Control:
    """Lets a test in another language restart the gateway."""

    def __init__(self, gateway: SdkGateway) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status, body = 200, b""
                try:
                    {"/restart": gateway.restart}[self.path]()
                except Exception as error:
                    # Every fault goes back to the test that asked.
                    status, body = 500, repr(error).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
