"""What is made from the shipped profiles, taken by the programs it is made for."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from holdfast.profile import HostFacts, derive, expectations, load, render
from holdfast.profile.entries import PORT_RANGE
from holdfast.profile.render.haproxy import Server, haproxy, slots
from tests.gateway import running
from tests.parts import ROOT, require, system_program
from tests.proxies import free_port, launch
from tests.redis_servers import RedisServer

NAMES = ("production", "staging", "local")
GIB = 1024**3


def of(name: str, *roles: str):
    """Return a shipped profile and its reference host with these roles."""
    profile = load(name)
    return profile, profile.intents.reference.facts(*roles)


@pytest.mark.parametrize("name", NAMES)
def test_haproxy_takes_the_rendered_file(name: str, tmp_path: Path) -> None:
    """`haproxy -c` finds neither a fault nor anything to warn of."""
    require("haproxy")
    profile, facts = of(name, "load_balancer")
    file = tmp_path / "haproxy.cfg"
    file.write_text(haproxy(profile, facts, slots(profile.intents, {"gw1": "10.0.0.11", "gw2": "10.0.0.12"})))

    done = subprocess.run(
        [system_program("haproxy"), "-c", "-f", str(file)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert "ALERT" not in done.stderr


def test_haproxy_passes_clients_on_and_logs_no_token(tmp_path: Path) -> None:
    """A client comes through the rendered front door; what stands in its query is in no line."""
    require("haproxy")
    profile, facts = of("local", "load_balancer")
    port = free_port()
    (tmp_path / "gateway").mkdir()
    (tmp_path / "proxy").mkdir()
    with running(tmp_path / "gateway") as gateway:
        servers = [
            Server("gw1-1a", "127.0.0.1", gateway.port, gateway.port),
            Server("gw1-1b", "127.0.0.1", free_port(), free_port()),
        ]
        text = haproxy(profile, facts, servers)
        text = text.replace("bind :80 ", f"bind 127.0.0.1:{port} ").replace("/run/haproxy", str(tmp_path))
        text = text.replace("log /dev/log local0", "log stdout format raw local0")
        proxy = launch("haproxy", text, port, tmp_path / "proxy")
        try:
            with connect(f"ws://127.0.0.1:{port}/connection/websocket?token=secret-of-mine", proxy=None):
                pass
            answer = httpx.get(f"http://127.0.0.1:{port}/livez?token=secret-of-mine", trust_env=False, timeout=30)
            assert answer.status_code == 200
            proxy.wait_for_line("GET /connection/websocket HTTP/1.1")
            proxy.wait_for_line("GET /livez HTTP/1.1")
        finally:
            proxy.stop()

        assert "secret-of-mine" not in proxy.log()


@pytest.mark.parametrize("name", NAMES)
def test_redis_takes_the_rendered_lines(name: str, tmp_path: Path) -> None:
    """A real Redis starts with them and has what was expected."""
    require("redis")
    profile, facts = of(name, "redis")
    lines = [line.split(" ", 1) for line in render("redis", profile, facts).splitlines() if line[:1].isalpha()]
    server = RedisServer(tmp_path, free_port(), dict(lines) | {"appendonly": "no"})
    server.start()
    try:
        for one in expectations(profile, facts):
            if one.kind == "redis" and one.key != "appendonly":
                found = server.ask("CONFIG", "GET", one.key).split()
                assert found == [one.key, str(one.value)]
    finally:
        server.kill()


def test_sentinel_takes_the_rendered_lines(tmp_path: Path) -> None:
    """A real sentinel starts with them behind the line that names the master."""
    require("redis")
    profile, facts = of("production", "redis")
    server = RedisServer(tmp_path, free_port())
    server.is_sentinel = True
    master = (
        f"port {server.port}\nbind 127.0.0.1\ndir {tmp_path}\nsentinel monitor mymaster 127.0.0.1 {free_port()} 1\n"
    )
    (tmp_path / "redis.conf").write_text(master + render("sentinel", profile, facts))
    server.start()
    try:
        state = server.ask("SENTINEL", "master", "mymaster").split()
    finally:
        server.kill()

    assert state[state.index("down-after-milliseconds") + 1] == "5000"


@pytest.mark.parametrize("name", NAMES)
def test_gateway_takes_the_rendered_settings(name: str, tmp_path: Path) -> None:
    """`holdfast config check` has nothing to say about them."""
    profile, facts = of(name, "gateway")
    file = tmp_path / "holdfast.yaml"
    file.write_text(render("gateway", profile, facts))

    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "config", "check", "--config", str(file)],
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
        env=os.environ | {"HOLDFAST_BROKER__TYPE": "redis"},
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_kernel_takes_the_keys_of_a_network_namespace(name: str) -> None:
    """A real kernel accepts every key that reaches a namespace, and has it afterwards."""
    require("netns")
    profile, facts = of(name, "gateway", "load_balancer", "redis")
    wanted = {
        one.key: str(one.value)
        for one in expectations(profile, facts)
        if one.kind == "sysctl" and one.scope == "netns" and one.mode != "report" and one.key.startswith("net.")
    }
    program = (
        "import sys\n"
        "for pair in sys.argv[1:]:\n"
        "    key, _, value = pair.partition('=')\n"
        "    path = '/proc/sys/' + key.replace('.', '/')\n"
        "    try:\n"
        "        open(path, 'w').write(value)\n"
        "        found = ' '.join(open(path).read().split())\n"
        "    except FileNotFoundError:\n"
        "        found = 'absent'\n"
        "    print(key, found, sep='=')\n"
    )

    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", program, *(f"{key}={value}" for key, value in wanted.items())],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert {key: value for key, value in found.items() if value not in (wanted[key], "absent")} == {}
    assert found[PORT_RANGE] == wanted[PORT_RANGE]


@pytest.mark.slow
def test_wheel_brings_the_profiles(tmp_path: Path) -> None:
    """Whoever installed the package has them, and the schema, without a checkout."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, capture_output=True, timeout=300, check=True,
    )  # fmt: skip
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")

    program = (
        "from holdfast.profile.load import load, shipped_profiles\n"
        "print(*(load(name).name for name in shipped_profiles()), shipped_profiles()['local'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    site = tmp_path / "site" / "holdfast" / "profile" / "shipped"
    assert done.stdout.split() == ["local", "production", "staging", str(site / "local.yaml")]
    assert (site / "profile.schema.json").is_file()


def test_profile_of_a_large_balancer_fits_it() -> None:
    """Sixteen gateway hosts behind one load balancer of 128 GiB: its numbers grow with the fleet."""
    profile = load("production")
    fleet = profile.model_copy(update={"intents": profile.intents.model_copy(update={"gateway_hosts": 16})})

    derived = derive(fleet, HostFacts(128 * GIB, 32, roles=frozenset({"load_balancer"})))

    assert derived.haproxy_maxconn == 16 * 4 * 40000 * 1.25
    assert derived.nr_open > derived.haproxy_descriptors
