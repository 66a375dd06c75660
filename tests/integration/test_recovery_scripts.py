"""The recovery scripts against three gateways on one Redis, with clients that must miss nothing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml
from websockets.exceptions import ConnectionClosed

from holdfast.cli.ops.inventory import read_inventory
from holdfast.cli.ops.targets import Target, target_of
from tests.gateway import ADMIN_TOKEN, SETTINGS, Gateway, merged
from tests.parts import require
from tests.proxies import free_port
from tests.raw_client import RawClient
from tests.redis_servers import MASTER, running_cluster, running_redis, running_sentinels

require("redis")
SECONDS = 60
SCRIPT_SECONDS = 240
NAMES = ("gateway-1", "gateway-2", "gateway-3")


class Fleet:
    """Instances that are started by their instances file, each a `Gateway` to ask."""

    def __init__(self, folder: Path, broker: dict[str, Any], names: tuple[str, ...] = NAMES) -> None:
        self.folder = folder
        self.file = folder / "instances.yaml"
        self.keys = folder / "keys.json"
        self.keys.write_text('{"keys": []}')
        self.gateways: dict[str, Gateway] = {}
        self._targets: list[Target] = []
        records = []
        for name in names:
            self.gateways[name] = gateway = Gateway(folder)
            gateway.port = free_port()
            own = {"instance": name, "port": gateway.port, "broker": broker, "token": {"keys_file": str(self.keys)}}
            own |= {
                "shutdown": {"drain_window": "1s", "propagation_wait": 0},
                "log": {"file": str(folder / f"{name}.log")},
            }
            self.write(name, merged(SETTINGS, own))
            start = [sys.executable, "-m", "holdfast", "serve", "--config", f"{name}.yaml"]
            records.append(
                {
                    "name": name, "url": gateway.url, "config": f"{name}.yaml", "pid_file": f"{name}.pid",
                    "start": start, "output": f"{name}.out", "keys_file": "keys.json",
                }
            )  # fmt: skip
        self.file.write_text(yaml.safe_dump({"audit_log": "audit.jsonl", "instances": records}))

    def write(self, name: str, settings: dict[str, Any]) -> None:
        """Write the settings of an instance."""
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(settings))

    def start(self) -> None:
        """Start all of them and wait until each serves and sees the others."""
        for record in read_inventory(self.file).instances:
            self.begin(record.name)
        until(
            lambda: all(self.is_ready(name) and len(self.nodes(name)) == len(self.gateways) for name in self.gateways)
        )

    def begin(self, name: str) -> None:
        """Start one of them."""
        record = next(one for one in read_inventory(self.file).instances if one.name == name)
        self._targets.append(target_of(record))
        self._targets[-1].start()

    def is_ready(self, name: str) -> bool:
        """Tell whether an instance is ready."""
        try:
            return self.gateways[name].get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def nodes(self, name: str) -> list[dict[str, Any]]:
        """Return the instances that one sees."""
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        url = f"{self.gateways[name].url}/admin/nodes"
        return httpx.get(url, headers=headers, trust_env=False, timeout=30).json()["nodes"]

    def run(self, name: str, *words: str) -> tuple[int, dict[str, Any], str]:
        """Run a script; return its exit code, its JSON and what it said."""
        script = Path(__file__).parents[2] / "scripts" / f"{name}.py"
        command = [sys.executable, str(script), *words, "--instances", str(self.file), "--json"]
        known = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")}
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, env=known, timeout=SCRIPT_SECONDS,
            check=False,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr

    def act(self, name: str, *words: str) -> tuple[int, dict[str, Any], str]:
        """Run a script for good."""
        return self.run(name, *words, "--yes", "--reason", "a test")

    def end(self) -> None:
        """End all processes of the pid files."""
        for name in self.gateways:
            with contextlib.suppress(OSError, ValueError, psutil.Error):
                process = psutil.Process(int((self.folder / f"{name}.pid").read_text()))
                if "holdfast" in process.cmdline():
                    process.kill()
                    process.wait(30)
        for target in self._targets:
            target.failure()  # looks for its end, which nobody else waits for


def until(check: Callable[[], object], seconds: float = SECONDS) -> None:
    """Return when something has come to pass."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Three instances."""
    with running_redis() as server:
        broker = {"type": "redis", "redis": {"addresses": [server.address], "prefix": "scripts"}}
        found = Fleet(tmp_path_factory.mktemp("fleet"), broker)
        try:
            found.start()
            yield found
        finally:
            found.end()


class Publisher:
    """Publishes numbers, each at whatever instance takes it, until it is acknowledged."""

    def __init__(self, fleet: Fleet, channel: str) -> None:
        self.fleet, self.channel, self.sent = fleet, channel, 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_over.wait(0.02):
            self._publish(self.sent + 1)
            self.sent += 1

    def _publish(self, number: int) -> None:
        request = {"channel": self.channel, "data": number, "idempotency_key": f"{self.channel}-{number}"}
        for turn in range(1000):
            gateway = self.fleet.gateways[NAMES[turn % len(NAMES)]]
            with contextlib.suppress(httpx.HTTPError):
                answer = gateway.post("publish", request)
                if answer.status_code == 200 and "result" in answer.json():
                    return
            time.sleep(0.02)
        raise AssertionError(f"nobody took {number}")

    def stop(self) -> int:
        """Return how many were acknowledged."""
        self._is_over.set()
        self._thread.join()
        return self.sent


@contextlib.contextmanager
def subscribed(fleet: Fleet, name: str, channel: str) -> Iterator[Callable[[], list[int]]]:
    """Follow a channel with `holdfast subscribe` at one instance; gives what has come."""
    output = fleet.folder / f"{name}.{channel.replace(':', '-')}"
    command = [sys.executable, "-m", "holdfast", "subscribe", channel, "--json", "--config", f"{name}.yaml"]
    with output.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, cwd=fleet.folder)
    try:
        yield lambda: [json.loads(line)["data"] for line in output.read_text().splitlines()]
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)


def closing_of(client: RawClient) -> tuple[int, str]:
    """Return how the gateway closes a client."""
    while True:
        try:
            client.socket.recv(timeout=SECONDS)
        except ConnectionClosed as error:
            return (error.rcvd.code, error.rcvd.reason) if error.rcvd is not None else (1006, "")


@pytest.mark.timeout(400)
def test_rolling_restart_that_subscribers_do_not_notice(fleet: Fleet) -> None:
    """Every instance is another process afterwards; each message came once, in order, to a follower at each of them."""
    before = {node["name"]: node["uid"] for node in fleet.nodes("gateway-1")}
    with contextlib.ExitStack() as stack:
        came = [stack.enter_context(subscribed(fleet, name, "recover:roll")) for name in NAMES]
        until(lambda: sum(fleet.gateways[name].metric("holdfast_connections") for name in NAMES) == len(NAMES))
        publisher = Publisher(fleet, "recover:roll")
        try:
            code, found, said = fleet.act("restart_rolling", "--steady", "1", "--share", "100")
        finally:
            sent = publisher.stop()
        until(lambda: all(one()[-1:] == [sent] for one in came))

        assert (code, found["restarted"]) == (0, list(NAMES)), said
        assert all(one() == list(range(1, sent + 1)) for one in came)
    after = {node["name"]: node["uid"] for node in fleet.nodes("gateway-1")}
    assert all(after[name] != before[name] for name in NAMES)
    lines = [json.loads(line) for line in (fleet.folder / "audit.jsonl").read_text().splitlines()]
    assert [line["phase"] for line in lines if line["script"] == "restart_rolling"] == ["begin"] * 3 + ["end"]


def test_drain_one_and_bring_it_back(fleet: Fleet) -> None:
    """Its clients leave; the roll and a second drain are refused meanwhile; it serves again."""
    with RawClient(fleet.gateways["gateway-1"]) as gone, RawClient(fleet.gateways["gateway-2"]) as stays:
        code, found, said = fleet.act("drain_instance", "gateway-1")
        assert (code, found["drain"]["state"]) == (0, "drained"), said
        assert closing_of(gone) == (3001, "shutdown")
        assert stays.command("ping") is not None
    second, _, said = fleet.act("drain_instance", "gateway-2")
    assert second == 2
    assert "gateway-1: it is drained" in said
    assert fleet.act("drain_instance", "gateway-1")[0] == 0
    code, found, said = fleet.act("drain_instance", "gateway-1", "--back")
    assert (code, found["drain"]["state"]) == (0, "serving"), said
    log = (fleet.folder / "gateway-1.log").read_text()
    assert '"operator_action"' in log
    assert '"why": "a test"' in log or '"why":"a test"' in log


def test_disconnect_by_refused_then_done(fleet: Fleet) -> None:
    """Above the limit nobody leaves; told to, all of the user's do, on all instances, others stay."""
    with contextlib.ExitStack() as stack:
        meant = [stack.enter_context(RawClient(fleet.gateways[name], "42")) for name in NAMES]
        other = stack.enter_context(RawClient(fleet.gateways["gateway-2"], "7"))
        code, found, said = fleet.act("disconnect_by", "--user", "42")
        assert code == 2, said
        assert "3 of 4 connection(s), 75 %" in found["error"]
        assert all(client.command("ping") is not None for client in meant)
        code, found, said = fleet.act("disconnect_by", "--user", "42", "--rate", "20", "--limit", "80")

        assert code == 0, said
        assert found["chosen"] == dict.fromkeys(NAMES, 1)
        assert [closing_of(client) for client in meant] == [(3001, "sent_away")] * 3
        assert other.command("ping") is not None
    assert fleet.act("disconnect_by", "--user", "42")[0] == 0
    code, found, said = fleet.run("disconnect_by", "--slug", "sent_away")
    assert code == 0, said


def test_revoke_user(fleet: Fleet) -> None:
    """The user's connections end for good on all instances, and the old token opens no other."""
    gateway = fleet.gateways["gateway-3"]
    token = gateway.token("mallory", iat=int(time.time()) - 5)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(fleet.gateways[name], token=token)) for name in NAMES]
        code, found, said = fleet.act("revoke_user", "mallory", "--seconds", "60", "--limit", "100")

        assert (code, found["revoked"]["disconnected"]) == (0, 3), said
        assert {closing_of(client)[1] for client in clients} == {"user_revoked"}
    with pytest.raises(ConnectionClosed, match="user_revoked"):
        RawClient(gateway, token=token)


def test_rotate_keys(fleet: Fleet) -> None:
    """Sessions stay; tokens of the new and of the former key are taken by all instances."""
    secrets = {kid: f"secret-of-{kid}-{'x' * 32}" for kid in ("one", "two")}

    def signed_with(kid: str, gateway: Gateway) -> RawClient:
        import jwt

        claims = {"sub": "42", "exp": int(time.time()) + 600}
        token = jwt.encode(claims, secrets[kid], algorithm="HS256", headers={"kid": kid})
        return RawClient(gateway, token=token)

    def rotate(kid: str) -> None:
        file = fleet.folder / "secret"
        file.write_text(secrets[kid])
        code, _, said = fleet.act("rotate_keys", kid, "--overlap", "600", "--secret-file", str(file))
        assert code == 0, said
        assert secrets[kid] not in said

    rotate("one")
    with signed_with("one", fleet.gateways["gateway-1"]) as stays:
        rotate("two")
        for gateway in fleet.gateways.values():
            for kid in secrets:
                with signed_with(kid, gateway) as client:
                    assert "connect" in client.connected
        assert stays.command("ping") is not None


def test_rebalance(fleet: Fleet) -> None:
    """What one has above the mean leaves; without a balancer that is all that can be said."""
    with contextlib.ExitStack() as stack:
        for number in range(12):
            stack.enter_context(RawClient(fleet.gateways["gateway-1"], f"user{number}"))
        until(lambda: _counts(fleet, "gateway-1") == [12, 0, 0])
        code, _, said = fleet.run("rebalance")
        assert code == 2, said
        code, found, said = fleet.act("rebalance", "--rate", "50", "--limit", "100")

        assert code in {0, 1}, said
        assert found["before"]["gateway-1"] == 12
        until(lambda: fleet.nodes("gateway-1")[0]["connections"] == 4)


def _counts(fleet: Fleet, name: str) -> list[int]:
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    url = f"{fleet.gateways[name].url}/admin/rebalance"
    found = httpx.get(url, headers=headers, trust_env=False, timeout=30).json()["instances"]
    return [found.get(name, -1) for name in NAMES]


def test_collect_diagnostics(fleet: Fleet) -> None:
    """A bundle of each, with the end of its log and without secrets."""
    code, found, said = fleet.act("collect_diagnostics", "-o", "bundles")

    assert code == 0, said
    for file in found["files"].values():
        with tarfile.open(fleet.folder / file) as bundle:
            parts = [bundle.extractfile(one) for one in bundle.getmembers() if one.isfile()]
            text = b"\n".join(part.read() for part in parts if part is not None).decode(errors="replace")
        assert '"operator_action"' in text
        assert ADMIN_TOKEN not in text
        assert SETTINGS["token"]["hmac_secret"] not in text


def test_second_script_and_wrong_token(fleet: Fleet) -> None:
    """Both are refused before anything is done."""
    with fleet.file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, found, _ = fleet.act("drain_instance", "gateway-1")
        assert (code, "another script" in found["error"]) == (2, True)
    code, found, _ = fleet.act("drain_instance", "gateway-1", "--admin-token", "wrong")
    assert code == 2
    assert "admin_token_invalid" in found["error"]
    assert all(node["phase"] == "serving" for node in fleet.nodes("gateway-1"))


@pytest.mark.timeout(400)
def test_roll_stops_at_an_instance_that_gets_not_ready(fleet: Fleet) -> None:
    """Exit code 2, it is named with the cause, and the others are not touched; so also while one is down."""
    before = {node["name"]: node["uid"] for node in fleet.nodes("gateway-1")}
    settings = yaml.safe_load((fleet.folder / "gateway-2.yaml").read_text())
    broken = merged(settings, {"broker": {"redis": {"addresses": [f"127.0.0.1:{free_port()}"]}, "unready_after": "1s"}})
    fleet.write("gateway-2", broken)
    words = ("restart_rolling", "--only", "gateway-2", "--only", "gateway-3", "--ready-timeout", "8")
    code, found, said = fleet.act(*words)
    assert (code, found["restarted"]) == (2, []), said
    assert "starting gateway-2: it is not ready" in found["error"]
    assert "broker_unavailable" in found["error"]
    assert {node["name"]: node["uid"] for node in fleet.nodes("gateway-1")}["gateway-3"] == before["gateway-3"]

    fleet.write("gateway-2", settings)
    os.kill(int((fleet.folder / "gateway-2.pid").read_text()), signal.SIGKILL)
    code, found, said = fleet.act("restart_rolling")
    assert code == 2, said
    assert "gateway-2: no gateway answered" in found["error"]
    assert fleet.act("collect_diagnostics", "-o", "bundles-of-two")[0] == 1
    until(lambda: len(fleet.nodes("gateway-1")) == 2)
    fleet.begin("gateway-2")
    until(lambda: fleet.is_ready("gateway-2"))


@contextlib.contextmanager
def several_redis(mode: str) -> Iterator[tuple[list[str], Callable[[], list[str]]]]:
    """Run Redis in a mode; gives the addresses for settings, and who the masters are."""
    if mode == "sentinel":
        with running_sentinels() as sentinels:
            for one in sentinels.sentinels:  # as docs/redis.md has it: the writes are stopped for longer than a second
                assert one.ask("SENTINEL", "SET", MASTER, "down-after-milliseconds", "3000") == "OK"
            yield sentinels.addresses, lambda: [sentinels.master().address]
    else:
        with running_cluster() as cluster:
            yield cluster.addresses, lambda: sorted(one.address for one in cluster.masters())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["sentinel", "cluster"])
def test_failover_drill(mode: str, tmp_path: Path) -> None:
    """Another server becomes master; every acknowledged message comes once, in order, and nobody is told of a gap."""
    with several_redis(mode) as (addresses, masters):
        redis = {"mode": mode, "addresses": addresses, "prefix": "drill"}
        fleet = Fleet(tmp_path, {"type": "redis", "redis": redis}, ("gateway-1",))
        try:
            fleet.start()
            before = masters()
            words = ("failover_redis", "--channel", "recover:drill", "--config", "gateway-1.yaml", "--before", "2")
            code, found, said = fleet.act(*words, "--rate", "100")
            after = masters()
        finally:
            fleet.end()

    assert code == 0, said
    assert (found["masters"]["before"], found["masters"]["after"]) == (before, after)
    assert after != before
    probe = found["probe"]
    assert probe["acknowledged"] > 20
    assert (probe["lost"], probe["gaps"], probe["doubled"], probe["disordered"]) == ([], 0, 0, 0)
