"""Three hosts of Redis with Sentinel, in the order of this file: from nothing, another password, a lost host."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.source import ROOT
from tests.infra import redis
from tests.infra.playbooks import Hosts
from tests.infra.rolling import SECRETS, Rolling
from tests.infra.wheels import built_wheel
from tests.parts import require
from tests.resilience.lab import Size, running_lab

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import registry, sets

GATEWAYS, REDIS = ("gw1", "gw2"), ("redis1", "redis2", "redis3")
OLD, NEW, OWN = SECRETS["redis_password"], "second-password-of-redis", "password-of-the-default-user"
SIZE = Size(clients=60, patience=120.0)
SECONDS = 200.0

pytestmark = [pytest.mark.proof, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rolling]:
    """Two gateways, HAProxy and three hosts of Redis with nothing on them."""
    require("nspawn")
    require("ansible")
    require("npm:tests/sdk")
    hosts = Hosts("redis-hosts", patience=600)
    folder = tmp_path_factory.mktemp("redis")
    hosts.manage("down")
    hosts.manage("up", *GATEWAYS, "lb1", *REDIS)
    try:
        yield Rolling(hosts, folder, built_wheel(folder))
    finally:
        hosts.manage("down")


def secrets_with(password: str, **more: str) -> dict[str, str]:
    """Return the secrets with this password of Redis."""
    return SECRETS | {"redis_password": password} | more


def master(fleet: Rolling, password: str) -> str:
    """Return the one host that is a master; empty while there is none or more than one."""
    found = [host for host in REDIS if is_up(fleet, host) and redis.role(fleet, host, password) == "master"]
    return found[0] if len(found) == 1 else ""


def is_up(fleet: Rolling, host: str) -> bool:
    """Tell whether a host runs."""
    made = registry.find(fleet.hosts.name)
    return made is not None and sets.is_running(made.host(host))


def is_whole(fleet: Rolling, password: str, of_sentinel: str = "") -> bool:
    """Tell whether one master has two replicas that are up to date, and three sentinels see each other."""
    one = master(fleet, password)
    if not one:
        return False
    replicas = redis.ask(fleet, one, "info replication", password).count("state=online")
    words, port = "sentinel ckquorum mymaster", redis.SENTINEL
    seen = [redis.ask(fleet, host, words, of_sentinel or password, port) for host in REDIS]
    return replicas == 2 and all("OK 3 usable Sentinels" in line for line in seen)


def test_three_hosts_become_one_redis_with_sentinel(fleet: Rolling) -> None:
    """Check mode predicts the deploy, the next one changes nothing, sentinels agree, gateways go through them."""
    predicted = fleet.play("deploy", "--check", "--diff")
    made = fleet.play("deploy", "--diff")
    again = fleet.play("deploy")

    assert (predicted.code, made.code, again.code) == (0, 0, 0), predicted.text + made.text + again.text
    assert predicted.changed == made.changed
    assert not again.changed
    redis.wait_until(lambda: is_whole(fleet, OLD))
    assert master(fleet, OLD) == "redis1"
    assert "mode: sentinel" in fleet.hosts.on("gw1", "cat /etc/holdfast/holdfast.yaml")


def test_password_is_exchanged_without_a_trace_though_the_first_run_is_killed(fleet: Rolling, tmp_path: Path) -> None:
    """Killed with half of the gateways moved both passwords are taken; the next deploy leaves the new one alone."""
    predicted = fleet.play("deploy", "--check", holdfast_secrets=secrets_with(NEW))
    with running_lab(tmp_path, "redis-password", fleet, SIZE) as lab:
        lab.begin()
        first = fleet.begin("holdfast.gateway.deploy", tmp_path / "killed.log", holdfast_secrets=secrets_with(NEW))
        deadline = time.monotonic() + SECONDS
        while len(fleet.running("gw1")) < 2:
            assert first.poll() is None, (tmp_path / "killed.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait(30.0)
        between = [
            redis.taken(fleet, host, [OLD, NEW], port) for host in REDIS for port in (redis.REDIS, redis.SENTINEL)
        ]
        done = fleet.play("deploy", "--diff", holdfast_secrets=secrets_with(NEW))
        report = lab.end()

    assert done.code == 0, done.text
    assert {"redis"} <= {task.split(" : ")[0] for _, task, _ in predicted.changed}
    assert between == [[OLD, NEW]] * 6
    for host in REDIS:
        assert redis.taken(fleet, host, [OLD, NEW]) == [NEW]
        assert redis.taken(fleet, host, [OLD, NEW], redis.SENTINEL) == [NEW]
    assert not any(word in done.text + predicted.text for word in (OLD, NEW))
    redis.wait_until(lambda: is_whole(fleet, NEW))
    assert not report.faults()
    assert report.closes.keys() <= {"shutdown"}
    again = fleet.play("deploy", holdfast_secrets=secrets_with(NEW))
    assert (again.code, again.changed) == (0, set()), again.text


def test_default_user_gets_a_password_of_its_own(fleet: Rolling) -> None:
    """Gateways go over to their own user, and nobody signs in as the default user with their password any more."""
    done = fleet.play("deploy", holdfast_secrets=secrets_with(NEW, redis_admin_password=OWN))

    assert done.code == 0, done.text
    assert [redis.taken(fleet, host, [NEW, OWN]) for host in REDIS] == [[OWN]] * 3
    redis.wait_until(lambda: is_whole(fleet, OWN, NEW))
    assert "user=holdfast" in redis.ask(fleet, master(fleet, OWN), "client list", OWN)
    assert redis.taken(fleet, "redis1", [NEW, OWN], redis.SENTINEL) == [NEW]


def test_master_host_without_power_is_replaced_and_comes_back_as_a_replica(fleet: Rolling, tmp_path: Path) -> None:
    """Another master within seconds, gateways heal without a disconnect, and a deploy does not undo the failover."""
    secrets = secrets_with(NEW, redis_admin_password=OWN)
    made = registry.find(fleet.hosts.name)
    assert made is not None
    lost = master(fleet, OWN)
    with running_lab(tmp_path, "redis-host-lost", fleet, SIZE) as lab:
        lab.begin()
        sets.cut(made, lost)
        began = time.monotonic()
        redis.wait_until(lambda: master(fleet, OWN) not in ("", lost))
        seconds = time.monotonic() - began
        lab.run(5.0)
        sets.boot(made, lost, print)
        redis.wait_until(lambda: is_whole(fleet, OWN, NEW))
        report = lab.end()
    now = master(fleet, OWN)
    again = fleet.play("deploy", holdfast_secrets=secrets)

    print(f"\nanother master after {seconds:.1f} s; longest publication {report.longest_publish} s, told {report.told}")
    assert not report.faults(told=True)
    assert not report.closes
    assert (again.code, again.changed) == (0, set()), again.text
    assert (master(fleet, OWN), redis.role(fleet, lost, OWN)) == (now, "slave")


def test_password_is_exchanged_after_a_failover_and_outlives_restarts(fleet: Rolling) -> None:
    """Redis has written its own settings by now: what stands in them of before neither wins nor stops a start."""
    secrets = secrets_with(OLD, redis_admin_password=NEW)
    done = fleet.play("deploy", holdfast_secrets=secrets)
    for host in REDIS:
        fleet.hosts.on(host, "systemctl restart redis-server redis-sentinel")
        redis.wait_until(lambda: is_whole(fleet, NEW, OLD))

    assert done.code == 0, done.text
    assert [redis.taken(fleet, host, [OWN, NEW]) for host in REDIS] == [[NEW]] * 3
    assert [redis.taken(fleet, host, [OLD, NEW], redis.SENTINEL) for host in REDIS] == [[OLD]] * 3


def test_host_made_anew_follows_the_master_of_now(fleet: Rolling) -> None:
    """The first host of the group comes back with an empty disk: a deploy makes it a replica, whatever its place is."""
    secrets = secrets_with(OLD, redis_admin_password=NEW)
    made = registry.find(fleet.hosts.name)
    assert made is not None
    if master(fleet, NEW) == "redis1":
        redis.ask(fleet, "redis2", "sentinel failover mymaster", OLD, redis.SENTINEL)
        redis.wait_until(lambda: master(fleet, NEW) not in ("", "redis1"))
    keys = redis.ask(fleet, master(fleet, NEW), "dbsize", NEW)
    sets.cut(made, "redis1")
    fleet.hosts.manage("up", "redis1")
    done = fleet.play("deploy", holdfast_secrets=secrets)
    redis.wait_until(lambda: is_whole(fleet, NEW, OLD))

    assert done.code == 0, done.text
    assert master(fleet, NEW) != "redis1"
    assert int(redis.ask(fleet, "redis1", "dbsize", NEW)) > 0, keys


def test_two_hosts_are_refused_before_anything_is_changed(fleet: Rolling, tmp_path: Path) -> None:
    """A third is missing for Sentinel, and the second would stand idle: the fault names both."""
    inventory = fleet.hosts.inventory()
    del inventory["all"]["children"]["redis"]["hosts"]["redis3"]
    path = tmp_path / "two.json"
    path.write_text(json.dumps(inventory))
    refused = Rolling(fleet.hosts, tmp_path, fleet.wheel, inventory=path).play("deploy", "--check")

    assert refused.code != 0
    assert not refused.changed
    assert "has 2 hosts (redis1, redis2): expected 1, or 3 and more" in " ".join(refused.text.split())
