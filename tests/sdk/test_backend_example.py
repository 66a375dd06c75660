"""examples/backend does what its README says, with the stock SDKs."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml
from centrifuge import CentrifugeError, ClientDisconnectedError

from holdfast.settings_load import load_settings
from tests.gateway import Gateway, running
from tests.parts import require
from tests.sdk.clients import Clients
from tests.sdk.support import PATIENCE_SECONDS, subscription_events

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "backend"
API_KEY = "demo-only-api-key"
SCRIPT = """
import { Centrifuge } from 'centrifuge';
import WebSocket from 'ws';
const [url, token] = process.argv.slice(2);
const client = new Centrifuge(url, { headers: { Authorization: `Bearer ${token}` }, websocket: WebSocket });
const room = client.newSubscription('rooms:tea');
const heard = new Promise((resolve) => room.on('publication', ({ data }) => resolve(data)));
room.subscribe();
client.connect();
await room.ready();
await room.publish({ text: '  hello ' });
const { data } = await client.rpc('rooms', null);
console.log(JSON.stringify({ heard: (await heard).text, rooms: data.rooms }));
client.disconnect();
"""


class Place(NamedTuple):
    """A running example."""

    gateway: Gateway
    url: str

    def login(self, user: str, password: str) -> dict[str, Any]:
        """Log in as a page does."""
        given = {"username": user, "password": password}
        return dict(httpx.post(f"{self.url}/login", json=given, trust_env=False).json())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Run the backend and a gateway with the example's settings, on free ports."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = yaml.safe_load((FOLDER / "holdfast.yaml").read_text().replace(":3000/", f":{port}/"))
    with running(tmp_path_factory.mktemp("example"), settings) as gateway:
        environment = {**os.environ, "BACKEND_PORT": str(port), "BACKEND_API_URL": f"{gateway.url}/api"}
        backend = subprocess.Popen([sys.executable, str(FOLDER / "backend.py")], env=environment)
        try:
            wait_for(port)
            yield Place(gateway, f"http://127.0.0.1:{port}")
        finally:
            backend.terminate()
            backend.wait(PATIENCE_SECONDS)


def wait_for(port: int) -> None:
    """Wait until something listens."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the backend did not start")


async def test_login_lets_a_user_into_their_rooms(place: Place) -> None:
    """By the token of the login: rooms by membership, what is said by the backend's rules, calls by method."""
    clients = Clients(place.gateway.ws_url)
    try:
        alice, _ = await clients.connected(token=place.login("alice", "wonderland")["token"])
        bob, _ = await clients.connected(token=place.login("bob", "builder")["token"])
        heard, refused = subscription_events(), subscription_events()
        lobby = alice.new_subscription("rooms:lobby", events=heard)
        await lobby.subscribe()
        await bob.new_subscription("rooms:tea", events=refused).subscribe()
        subscribed = await heard.next("subscribed")
        ended = await refused.next("unsubscribed")
        await lobby.publish({"text": "  hello "})
        said = await heard.next("publication")
        with pytest.raises(CentrifugeError, match="say something"):
            await lobby.publish({"text": " "})
        rooms = await bob.rpc("rooms", None)
        reached = await bob.rpc("announce", "tea is ready")
        announced = await heard.next("publication")
    finally:
        await clients.close()

    assert subscribed.data == {"members": ["alice", "bob"]}
    assert (ended.code, ended.reason) == (403, "not your room")
    assert said.pub.data["text"] == "hello"
    assert rooms.data == {"rooms": ["rooms:lobby"]}
    assert reached.data == {"reached": 1}
    assert announced.pub.data == {"text": "tea is ready", "by": "backend"}


async def test_session_cookie_is_enough(place: Place) -> None:
    """A page on the same site connects without a token; without a login it is told why not."""
    token = place.login("alice", "wonderland")["token"]
    clients = Clients(place.gateway.ws_url)
    try:
        with_cookie, _ = await clients.connected(token="", headers={"Cookie": f"session={token}"})
        rooms = await with_cookie.rpc("rooms", None)
        without, events = clients.make(token="")
        await without.connect()
        ended = await events.next("disconnected")
        with pytest.raises(ClientDisconnectedError):
            await without.rpc("rooms", None)
    finally:
        await clients.close()

    assert rooms.data == {"rooms": ["rooms:lobby", "rooms:tea"]}
    assert (ended.code, ended.reason) == (4501, "log in first")


def test_header_of_the_sdk_is_enough(place: Place) -> None:
    """A page that has only a token of the login sends it to the backend by the JavaScript SDK's `headers`."""
    require("npm:examples/javascript")
    token = place.login("alice", "wonderland")["token"]
    command = ["node", "--input-type=module", "-", place.gateway.ws_url, token]
    ran = subprocess.run(
        command,
        input=SCRIPT,
        cwd=FOLDER.parent / "javascript",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"heard": "hello", "rooms": ["rooms:lobby", "rooms:tea"]}


def test_backend_answers_the_gateway_alone(place: Place) -> None:
    """Nobody else can ask it who is who, and a wrong password opens nothing."""
    asked = httpx.post(f"{place.url}/gateway/connect", json={}, trust_env=False)

    assert asked.status_code == 403
    assert place.login("alice", "builder") == {"error": "wrong name or password"}
    assert place.login("", "") == {"error": "wrong name or password"}


@pytest.mark.parametrize("page", ["docs/proxy.md", "examples/backend/holdfast.yaml"])
def test_written_settings_are_fine(page: str, tmp_path: Path) -> None:
    """What the documentation tells to write down is accepted as it stands."""
    text = (FOLDER.parents[1] / page).read_text()
    file = tmp_path / "holdfast.yaml"
    file.write_text(text.split("```yaml\n", 1)[1].split("```", 1)[0] if page.endswith(".md") else text)

    assert load_settings(file, {}).client.proxy.connect.enabled


def test_readme_lines_work(place: Place) -> None:
    """The call of the server API that the README shows."""
    text = (FOLDER / "README.md").read_text()
    body = re.search(r"--data '({\"method[^']*)'", text)
    assert body is not None
    answer = httpx.post(
        f"{place.gateway.url}/api/rpc", content=body[1], headers={"X-API-Key": API_KEY}, trust_env=False
    )

    assert answer.json() == {"result": {"data": {"rooms": []}}}
