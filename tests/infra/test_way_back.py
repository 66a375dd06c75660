"""Ways back on real hosts: from deploys that stopped, to fewer instances, and to a balancer that missed a reload."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.playbooks import Hosts
from tests.infra.rolling import Rolling
from tests.infra.wheels import built_wheel, other_wheel
from tests.parts import require
from tests.resilience.lab import Size, running_lab

GATEWAYS = ("gw1", "gw2")
RECORD = "/var/lib/holdfast/releases.json"
CONFIG = "/etc/haproxy/haproxy.cfg"
# What HAProxy says of the configuration that it runs with.
ASK = (
    "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b'show info\\n');"
    " print(''.join(l for l in s.makefile() if l.lower().startswith('description')))"
)

# A third set of hosts and some twenty playbooks: too long for every run.
pytestmark = [pytest.mark.timeout(3000), pytest.mark.slow, pytest.mark.proof]


@pytest.fixture(scope="module")
def rolling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rolling]:
    """Four hosts with nothing on them, for the tests of this file, in their order."""
    require("nspawn")
    require("ansible")
    require("npm:tests/sdk")
    hosts = Hosts(os.environ.get("HOLDFAST_WAY_BACK_SET", "way-back"), patience=900)
    folder = tmp_path_factory.mktemp("way-back")
    # What an earlier run that was killed left behind.
    hosts.manage("down")
    hosts.manage("up", *GATEWAYS, "lb1", "redis1")
    try:
        yield Rolling(hosts, folder, built_wheel(folder))
    finally:
        hosts.manage("down")


def served(rolling: Rolling) -> list[tuple[list[str], str]]:
    """Return what each gateway runs, and the reconnect window in its settings."""
    found = []
    for host in GATEWAYS:
        slot = rolling.enabled(host)[0]
        window = rolling.hosts.on(host, f"grep reconnect_window: /etc/holdfast/instances/{slot}.yaml").split()[1]
        found.append((list(rolling.running(host).values()), window))
    return found


def forget_deploys(rolling: Rolling, host: str) -> None:
    """Write the record as an earlier version of the playbooks did."""
    rows = json.loads(rolling.hosts.on(host, f"cat {RECORD}"))["releases"]
    text = json.dumps([{"version": row["version"], "settings": row["settings"]} for row in rows])
    by_ssh(rolling, host, "tee", RECORD, given=text)


def by_ssh(rolling: Rolling, host: str, *words: str, given: str) -> str:
    """Run a command as root that is given something, and return what it prints."""
    ssh = ["ssh", "-F", rolling.hosts.folder / "ssh_config", host, "sudo", *words]
    return subprocess.run(ssh, input=given, check=True, capture_output=True, text=True, timeout=60).stdout


def test_deploy_that_fails_on_the_first_host_has_nothing_to_take_back(rolling: Rolling, tmp_path: Path) -> None:
    """Two versions served before; the third one never does, and a rollback leaves both hosts on the second one."""
    first = rolling.play("deploy")
    assert first.code == 0, first.text
    second = Rolling(rolling.hosts, tmp_path, other_wheel(rolling.wheel, tmp_path, "0.1.1")).play("deploy")

    def broken(text: str) -> str:
        return text + "\n\ndef run(*_, **__):\n    raise SystemExit(7)\n"

    wheel = other_wheel(rolling.wheel, tmp_path, "0.9.0", {"holdfast/main.py": broken})
    third = Rolling(rolling.hosts, tmp_path, wheel).play("deploy")
    back = rolling.play("rollback_gateways")

    assert second.code == 0, second.text
    assert third.code != 0
    assert back.code == 0, back.text
    assert back.text.count("serves 0.1.1-") == 2
    assert served(rolling) == [(["0.1.1"], "3s")] * 2


def test_settings_that_stopped_between_hosts_are_taken_back_where_they_are(rolling: Rolling, tmp_path: Path) -> None:
    """The same version with other settings, on the first host alone: it goes back, the other one is left alone.

    The record is of an earlier version of the playbooks.
    """
    for host in GATEWAYS:
        forget_deploys(rolling, host)
    wheel = other_wheel(rolling.wheel, tmp_path, "0.1.1")
    other = Rolling(rolling.hosts, tmp_path, wheel, {"client": {"reconnect_window": "5s"}})
    free = {"1a": "8001", "1b": "8000"}[rolling.enabled("gw2")[0]]
    listen = f"systemd-run -q --unit=in-the-way python3 -m http.server {free}"
    rolling.hosts.on("gw2", listen)
    before = rolling.running("gw2")
    try:
        stopped = other.play("deploy")
        half = served(rolling)
        back = rolling.play("rollback_gateways")
    finally:
        rolling.hosts.on("gw2", "systemctl stop in-the-way")

    assert stopped.code != 0
    assert half == [(["0.1.1"], "5s"), (["0.1.1"], "3s")]
    assert back.code == 0, back.text
    assert "with its settings of then" in back.text
    assert served(rolling) == [(["0.1.1"], "3s")] * 2
    assert rolling.running("gw2") == before


def test_whole_deploy_is_taken_back_on_all_hosts_and_a_cut_off_one_goes_on(rolling: Rolling, tmp_path: Path) -> None:
    """By --limit one host goes, the other one follows under the same name, and nobody goes one further."""
    wheel = other_wheel(rolling.wheel, tmp_path, "0.1.2")
    deployed = Rolling(rolling.hosts, tmp_path, wheel).play("deploy")
    assert deployed.code == 0, deployed.text
    again = Rolling(rolling.hosts, tmp_path, wheel).play("deploy")
    name = f"-egateway_deploy_id={time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
    one = rolling.play("rollback_gateways", name, "--limit", "gw1,lb1")
    half = served(rolling)
    both = [rolling.play("rollback_gateways", name) for _ in range(2)]

    assert not again.changed
    assert [run.code for run in (one, *both)] == [0, 0, 0], one.text + both[0].text
    assert half == [(["0.1.1"], "3s"), (["0.1.2"], "3s")], one.text
    assert served(rolling) == [(["0.1.1"], "3s")] * 2
    assert not both[1].changed


def test_fewer_instances_drain_those_with_higher_numbers(rolling: Rolling, tmp_path: Path) -> None:
    """From two instances on a host to one: the second one drains, ends and does not come back, HAProxy forgets it.

    Under numbered traffic: nothing is lost or doubled, and who was on it is told why it ends.
    """
    profiles = {name: tmp_path / f"{name}.yaml" for name in ("one", "two")}
    for number, (name, path) in enumerate(profiles.items(), 1):
        intents = f"{{connections_per_instance: 2000, instances_per_host: {number}}}"
        path.write_text(f"extends: local\nname: {name}\ndescription: {name}\nintents: {intents}\n")
    one = {"holdfast_profile": str(profiles["one"])}
    more = rolling.play("deploy", holdfast_profile=str(profiles["two"]))
    assert more.code == 0, more.text
    two = [sorted(slot[0] for slot in rolling.running(host)) for host in GATEWAYS]
    slot = next(slot for slot in rolling.running("gw1") if slot[0] == "2")
    predicted = rolling.play("deploy", "--check", "--diff", **one)
    with running_lab(tmp_path, "fewer-instances", rolling, Size(clients=60, patience=120.0)) as lab:
        lab.begin()
        fewer = rolling.play("deploy", "--diff", **one)
        report = lab.end()
    log = rolling.hosts.on("gw1", f"journalctl -q -o cat -u holdfast@{slot}")
    again = rolling.play("deploy", **one)

    assert fewer.code == 0, fewer.text
    assert two == [["1", "2"]] * 2
    assert predicted.changed == fewer.changed
    assert [sorted(slot[0] for slot in rolling.running(host)) for host in GATEWAYS] == [["1"]] * 2
    assert [rolling.enabled(host) for host in GATEWAYS] == [list(rolling.running(host)) for host in GATEWAYS]
    assert "drain" in log
    assert not report.faults()
    assert report.closes.keys() <= {"shutdown"}
    assert rolling.hosts.on("gw1", "ls /etc/holdfast/instances /opt/holdfast/slots | grep ^2 || true") == ""
    assert "-2a" not in rolling.hosts.on("lb1", f"cat {CONFIG}")
    assert not again.changed


def names(rolling: Rolling) -> tuple[str, str]:
    """Return the name of the configuration that HAProxy runs with, and of the one that is written."""
    said = by_ssh(rolling, "lb1", "python3", "-", "/run/haproxy/admin.sock", given=ASK)
    return said.split()[-1], rolling.hosts.on("lb1", f"grep description {CONFIG}").split()[-1]


def test_reload_that_was_lost_is_made_up_for(rolling: Rolling) -> None:
    """A run wrote the configuration and died: the next one changes no file, and lets HAProxy have it all the same."""
    only = ("--tags", "load_balancer")
    rolling.play("deploy", *only, load_balancer_slowstart=3)
    rolling.hosts.on("lb1", f"cp -p {CONFIG} {CONFIG}.other")
    usual = rolling.play("deploy", *only)
    rolling.hosts.on("lb1", f"cp -p {CONFIG}.other {CONFIG}")
    running, written = names(rolling)
    predicted = rolling.play("deploy", *only, "--check", load_balancer_slowstart=3)
    done = rolling.play("deploy", *only, load_balancer_slowstart=3)
    again = rolling.play("deploy", *only, load_balancer_slowstart=3)

    assert usual.code == done.code == 0, done.text
    assert running != written
    assert done.changed == predicted.changed == {("lb1", "load_balancer : Let the HAProxy that runs have it", "")}
    assert names(rolling) == (written, written)
    assert not again.changed
