"""Gateways rolled out to real hosts, in the order of this file: from nothing, under traffic, into what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra import redis
from tests.infra.playbooks import ANSIBLE, Hosts
from tests.infra.rolling import SECRETS, Rolling
from tests.infra.wheels import built_wheel, other_wheel
from tests.parts import require
from tests.resilience.lab import Size, running_lab

GATEWAYS = ("gw1", "gw2")
SIZES = [
    pytest.param(Size(clients=200, patience=120.0), id="few"),
    pytest.param(Size(clients=1000, patience=120.0), id="full", marks=pytest.mark.proof),
]
KILL_SECONDS = 200.0
BACK_SECONDS = 200.0
# Back to what the hosts were before the first deploy.
BACK = """
- hosts: load_balancers:redis:gateways
  gather_facts: false
  become: true
  tasks:
    - ansible.builtin.import_tasks: FACTS
    - ansible.builtin.import_role: {name: holdfast.gateway.load_balancer, tasks_from: rollback}
      when: "'load_balancers' in group_names"
    - ansible.builtin.import_role: {name: holdfast.gateway.redis, tasks_from: rollback}
      when: "'redis' in group_names"
    - ansible.builtin.import_role: {name: holdfast.gateway.gateway, tasks_from: uninstall}
      when: "'gateways' in group_names"
"""
# Content, owner and mode of all that the roles write.
WRITTEN = (
    "find /etc/haproxy /etc/redis /etc/systemd/system /etc/holdfast /opt -type f -exec sha256sum {} +"
    ' -exec stat -c "%n %U %G %a" {} + 2>/dev/null | sort; id holdfast 2>&1 || true'
)
HOSTS = (*GATEWAYS, "lb1", "redis1")
# The first deploy gives Redis this one; the next one, under traffic, exchanges it.
FIRST_SECRETS = SECRETS | {"redis_password": "first-password-of-redis"}
# What is there, and 40 MiB: less than an installation takes.
SMALL_DISK = (
    "size=$(du -sm FOLDER | cut -f1); mkdir -p /run/small;"
    " mount -t tmpfs -o size=$((size + 40))m,mode=755 none /run/small && cp -a FOLDER/. /run/small/"
    " && mount --bind /run/small FOLDER && umount /run/small"
)

COLLECTION = ANSIBLE / "collections" / "ansible_collections" / "holdfast" / "gateway"

pytestmark = [pytest.mark.timeout(1200), pytest.mark.slow]


@pytest.fixture(scope="module")
def rolling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rolling]:
    """Four hosts with nothing on them, for the tests of this file."""
    require("nspawn")
    require("ansible")
    require("npm:tests/sdk")
    name = os.environ.get("HOLDFAST_ROLLOUT_SET", "rollout")
    hosts = Hosts(name)
    folder = tmp_path_factory.mktemp("rollout")
    # What an earlier run that was killed left behind.
    hosts.manage("down")
    hosts.manage("up", *HOSTS)
    try:
        yield Rolling(hosts, folder, built_wheel(folder), before={host: hosts.on(host, WRITTEN) for host in HOSTS})
    finally:
        hosts.manage("down")


def test_check_mode_predicts_the_deploy_and_a_second_one_changes_nothing(rolling: Rolling) -> None:
    """On new hosts `--check --diff` names exactly what the deploy then changes, and the next one changes nothing."""
    predicted = rolling.play("deploy", "--check", "--diff", holdfast_secrets=FIRST_SECRETS)
    made = rolling.play("deploy", "--diff", holdfast_secrets=FIRST_SECRETS)
    again = rolling.play("deploy", holdfast_secrets=FIRST_SECRETS)

    assert (predicted.code, made.code, again.code) == (0, 0, 0), predicted.text + made.text + again.text
    assert predicted.changed == made.changed
    assert not again.changed
    assert [list(rolling.running(host)) for host in GATEWAYS] == [["1a"], ["1a"]]


@pytest.mark.parametrize("size", SIZES)
def test_new_version_and_restart_are_not_noticed(rolling: Rolling, tmp_path: Path, size: Size) -> None:
    """A new version, another password of Redis and a restart, numbered: nothing lost or doubled, closes have slugs."""
    newer = Rolling(rolling.hosts, tmp_path, other_wheel(rolling.wheel, tmp_path, f"0.1.{size.clients}"))
    with running_lab(tmp_path, f"deploy-{size.clients}", newer, size) as lab:
        lab.begin()
        deployed = newer.play("deploy")
        running = [newer.running(host) for host in GATEWAYS]
        restarted = newer.play("restart")
        report = lab.end()

    assert deployed.code == 0, deployed.text
    assert restarted.code == 0, restarted.text
    assert [list(one.values()) for one in running] == [[f"0.1.{size.clients}"]] * 2
    assert [list(newer.running(host).values()) for host in GATEWAYS] == [[f"0.1.{size.clients}"]] * 2
    assert all(newer.running(host).keys() != one.keys() for host, one in zip(GATEWAYS, running, strict=True))
    assert not report.faults()
    assert report.closes.keys() <= {"shutdown"}
    passwords = [secrets["redis_password"] for secrets in (FIRST_SECRETS, SECRETS)]
    assert redis.taken(newer, "redis1", passwords) == passwords[1:]
    assert not any(password in deployed.text for password in passwords)
    assert [newer.enabled(host) for host in GATEWAYS] == [list(newer.running(host)) for host in GATEWAYS]


@pytest.mark.proof
def test_rollback_leads_to_the_version_before(rolling: Rolling, tmp_path: Path) -> None:
    """The way back is the same roll, to the version and settings that served before."""
    before = [list(rolling.running(host).values()) for host in GATEWAYS]
    newer = Rolling(rolling.hosts, tmp_path, other_wheel(rolling.wheel, tmp_path, "0.1.3"))
    deployed = newer.play("deploy")
    between = [list(newer.running(host).values()) for host in GATEWAYS]
    done = newer.play("rollback_gateways")

    assert (deployed.code, done.code) == (0, 0), deployed.text + done.text
    assert between == [["0.1.3"]] * 2
    assert [list(newer.running(host).values()) for host in GATEWAYS] == before


def test_version_that_fails_stops_at_the_first_host(rolling: Rolling, tmp_path: Path) -> None:
    """A version whose process ends at once: the first host keeps its old slot, the second one is not touched."""
    before = {host: rolling.running(host) for host in GATEWAYS}

    def broken(text: str) -> str:
        return text + "\n\ndef run(*_, **__):\n    raise SystemExit(7)\n"

    wheel = other_wheel(rolling.wheel, tmp_path, "0.9.0", {"holdfast/main.py": broken})
    done = Rolling(rolling.hosts, tmp_path, wheel).play("deploy")

    assert done.code != 0
    assert "slot 1" in done.text
    assert "ended with 7" in done.text
    assert done.recap["gw1"][2] == 1
    assert {host: rolling.running(host) for host in GATEWAYS} == before
    assert [rolling.enabled(host) for host in GATEWAYS] == [list(before[host]) for host in GATEWAYS]


def test_bad_input_is_named_before_anything_is_changed(rolling: Rolling, tmp_path: Path) -> None:
    """A wrong hash, a missing secret and a setting that the version refuses: each by name, with nothing changed."""
    before = {
        host: (rolling.running(host), rolling.hosts.on(host, "cat /etc/holdfast/holdfast.yaml")) for host in GATEWAYS
    }
    wrong_hash = rolling.play("deploy", gateway_wheel_sha256="0" * 64)
    no_secret = rolling.play("deploy", holdfast_secrets={"api_key": "short"})
    refused = Rolling(rolling.hosts, tmp_path, rolling.wheel, {"shutdown": {"drain_window": "a while"}}).play("deploy")

    for run, words in (
        (wrong_hash, ("expected SHA-256 " + "0" * 64,)),
        (no_secret, ("token_hmac_secret is missing", "api_key has 5 bytes")),
        (refused, ("shutdown.drain_window",)),
    ):
        assert run.code != 0
        assert not run.changed
        assert all(word in run.text for word in words), run.text
    assert before == {
        host: (rolling.running(host), rolling.hosts.on(host, "cat /etc/holdfast/holdfast.yaml")) for host in GATEWAYS
    }


@pytest.mark.proof
def test_full_disk_leaves_the_old_version_alone(rolling: Rolling, tmp_path: Path) -> None:
    """An installation that finds no room is taken away again, and what serves goes on."""
    before = {host: rolling.running(host) for host in GATEWAYS}
    folder = "/opt/holdfast/versions"
    rolling.hosts.on("gw1", SMALL_DISK.replace("FOLDER", folder))
    try:
        newer = Rolling(rolling.hosts, tmp_path, other_wheel(rolling.wheel, tmp_path, "0.8.0"))
        by_check = newer.play("deploy")
        by_pip = newer.play("deploy", gateway_free_mebibytes=0)
        left = rolling.hosts.on("gw1", f"ls {folder}")
    finally:
        rolling.hosts.on("gw1", f"umount {folder}")

    assert "MiB free, expected 400" in by_check.text
    assert by_pip.code != 0
    assert "No space left on device" in by_pip.text
    assert "0.8.0" not in left
    assert {host: rolling.running(host) for host in GATEWAYS} == before


@pytest.mark.proof
def test_deploy_that_is_killed_is_taken_up_again(rolling: Rolling, tmp_path: Path) -> None:
    """Killed while both slots run: the next deploy ends it, and every instance serves in one slot."""
    newer = Rolling(rolling.hosts, tmp_path, other_wheel(rolling.wheel, tmp_path, "0.1.2"))
    first = newer.begin("holdfast.gateway.deploy", tmp_path / "killed.log")
    deadline = time.monotonic() + KILL_SECONDS
    while len(rolling.running("gw1")) < 2:
        assert first.poll() is None, (tmp_path / "killed.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    done = newer.play("deploy")

    assert done.code == 0, done.text
    assert [list(newer.running(host).values()) for host in GATEWAYS] == [["0.1.2"]] * 2
    assert [newer.enabled(host) for host in GATEWAYS] == [list(newer.running(host)) for host in GATEWAYS]


def single_host(rolling: Rolling, folder: Path, *, without_redis: bool = False) -> Path:
    """Write an inventory of one gateway, with its load balancer."""
    inventory = rolling.hosts.inventory()
    del inventory["all"]["children"]["gateways"]["hosts"]["gw2"]
    if without_redis:
        del inventory["all"]["children"]["redis"]
    path = folder / "single.json"
    path.write_text(json.dumps(inventory))
    return path


@pytest.mark.proof
def test_single_host_is_rolled_without_a_loss(rolling: Rolling, tmp_path: Path) -> None:
    """With one gateway alone the other slot takes its clients."""
    single = Rolling(rolling.hosts, tmp_path, rolling.wheel, inventory=single_host(rolling, tmp_path))
    deployed = single.play("deploy")
    with running_lab(tmp_path, "single-host", single, Size(clients=60, patience=120.0)) as lab:
        lab.begin()
        restarted = single.play("restart")
        report = lab.end()

    assert (deployed.code, restarted.code) == (0, 0), deployed.text + restarted.text
    assert restarted.changed
    assert not report.faults()
    assert report.closes.keys() <= {"shutdown"}


@pytest.mark.proof
def test_host_without_redis_is_deployed(rolling: Rolling, tmp_path: Path) -> None:
    """One gateway with the embedded broker: no password of Redis is asked for, and its broker counts as up."""
    inventory = single_host(rolling, tmp_path, without_redis=True)
    secrets = {name: value for name, value in SECRETS.items() if name != "redis_password"}
    done = Rolling(rolling.hosts, tmp_path, rolling.wheel, inventory=inventory).play("deploy", holdfast_secrets=secrets)

    assert done.code == 0, done.text
    assert "redis" not in rolling.hosts.on("gw1", "cat /etc/holdfast/holdfast.yaml")


def test_way_back_leaves_nothing(rolling: Rolling, tmp_path: Path) -> None:
    """Rollback of HAProxy and Redis and removal of the gateway: every file is byte for byte what it was."""
    facts = COLLECTION / "playbooks" / "tasks" / "facts.yml"
    book = tmp_path / "back.yml"
    book.write_text(BACK.replace("FACTS", str(facts)))
    done = rolling.begin(str(book), tmp_path / "back.log").wait(BACK_SECONDS)

    assert done == 0, (tmp_path / "back.log").read_text()
    assert {host: rolling.hosts.on(host, WRITTEN) for host in HOSTS} == rolling.before
