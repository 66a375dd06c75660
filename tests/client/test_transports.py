"""Each fallback transport of the browser client in Node, against a real gateway and through real proxies."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import proxies
from tests.gateway import API_KEY, Gateway
from tests.parts import require
from tests.two_gateways import running_two

HERE = Path(__file__).parent
RUN_SECONDS = 110
STREAMS = ("http_stream", "sse")
ALL = (*STREAMS, "poll")

# A path that holds streams back: nginx as a careless administrator would set it up.
BUFFERING = {"    location / {": "    location / {\n        proxy_ignore_headers X-Accel-Buffering;"}


def run_in_node(file: str, **environment: str) -> None:
    """Run a file of real/ with Node's own runner; all of its tests must pass."""
    command = ["node", "--test", "--test-reporter=tap", f"real/{file}"]
    env = {**os.environ, **environment}
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    failures = re.findall(r"^ *not ok .*?^ *\.\.\.$", done.stdout, re.MULTILINE | re.DOTALL)
    assert done.returncode == 0, "\n".join(failures)[:8000] + done.stderr[-2000:]


def talk(gateway: Gateway, port: int, names: tuple[str, ...], user: str) -> None:
    """Let these transports go through their scenarios by way of `port`."""
    environment = {
        "API_URL": f"{gateway.internal_url}/api",
        "API_KEY": API_KEY,
        "PORT": str(port),
        "TOKEN": gateway.token(user),
        "USER_ID": user,
        "TRANSPORTS": " ".join(names),
    }
    run_in_node("transports.test.mjs", **environment)


@pytest.fixture(params=["nginx", "haproxy"])
def proxy(request: pytest.FixtureRequest, gateway: Gateway, tmp_path: Path) -> Iterator[proxies.Proxy]:
    """Each kind of proxy before the gateway, as a user would set it up."""
    require(request.param)
    with proxies.running(request.param, gateway.port, tmp_path) as running:
        yield running


@pytest.mark.parametrize("name", ALL)
def test_transport_works_without_a_proxy(gateway: Gateway, name: str) -> None:
    """It connects, subscribes, publishes in order, names what is refused, and recovers after cuts."""
    require("npm:tests/sdk")

    talk(gateway, gateway.port, (name,), f"direct-{name}")


def test_transports_work_through_a_proxy(gateway: Gateway, proxy: proxies.Proxy) -> None:
    """The same behind a proxy with its default buffering."""
    require("npm:tests/sdk")

    talk(gateway, proxy.port, ALL, f"behind-{proxy.name}")


def test_transports_work_without_stickiness(tmp_path: Path) -> None:
    """The same behind a balancer that sends each request to another one of two gateways."""
    require("npm:tests/sdk")
    require("haproxy")
    require("redis")

    with running_two(tmp_path) as two:
        talk(two.gateways[0], two.proxy.port, ALL, "anywhere")
        assert min(two.forwarded("emulation"), two.forwarded("poll")) > 50


def test_poll_works_where_streams_are_held_back(gateway: Gateway, tmp_path: Path) -> None:
    """Behind a proxy that holds back whatever streams, polls do all of the same."""
    require("npm:tests/sdk")
    require("nginx")

    with proxies.running("nginx", gateway.port, tmp_path, BUFFERING) as proxy:
        talk(gateway, proxy.port, ("poll",), "held-back")


def test_whatever_answers_in_a_gateways_place_has_a_name() -> None:
    """Captive portals, error pages, garbage, cuts, lines without an end: one end, one name, and no reconnect."""
    require("npm:tests/sdk")

    run_in_node("hostile.test.mjs")


def test_a_hostile_websocket_server_is_survived() -> None:
    """Garbage, floods, silence, ends at once: a name, no heat, no timer left, and no memory that grows."""
    require("npm:tests/sdk")

    run_in_node("siege.test.mjs")
