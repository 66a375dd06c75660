"""The example of nginx before several instances, run as it stands with other addresses."""

from __future__ import annotations

from pathlib import Path

import httpx
from websockets.sync.client import connect

from tests.gateway import ADMIN_TOKEN, API_KEY, running
from tests.parts import ROOT, require
from tests.proxies import free_port, launch

require("nginx")

EXAMPLE = ROOT / "examples" / "balancers" / "nginx.conf"


def test_nginx_passes_over_who_drains_and_who_is_not_there(tmp_path: Path) -> None:
    """Every handshake and call finds the one instance that serves; 503 and a refused connection reach nobody."""
    port, api, gone = free_port(), free_port(), free_port()
    folders = [tmp_path / name for name in ("one", "two", "proxy")]
    for folder in folders:
        folder.mkdir()
    with running(folders[0]) as draining, running(folders[1]) as serving:
        ports = [draining.port, serving.port, gone]
        text = EXAMPLE.read_text()
        for number, own in enumerate(ports, 1):
            text = text.replace(f"10.0.0.1{number}:8000", f"127.0.0.1:{own}")
            text = text.replace(f"10.0.0.1{number}:9000", f"127.0.0.1:{own}")
        text = text.replace("10.0.0.10:80;", f"127.0.0.1:{port};").replace("10.0.0.10:9000;", f"127.0.0.1:{api};")
        assert "10.0.0." not in text
        admin = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        httpx.post(f"{draining.url}/admin/drain", json={}, headers=admin, trust_env=False).raise_for_status()
        draining.wait_for_event("drained")
        proxy = launch("nginx", text, port, folders[2])
        try:
            for _ in range(6):
                with connect(f"ws://127.0.0.1:{port}/connection/websocket", proxy=None):
                    pass
                answer = httpx.post(
                    f"http://127.0.0.1:{api}/api/info", json={}, headers={"X-API-Key": API_KEY}, trust_env=False
                )
                assert answer.status_code == 200, proxy.log()
        finally:
            proxy.stop()

        assert len(serving.events("connection_closed")) == 6
