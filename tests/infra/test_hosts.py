"""The test hosts are real: systemd, sshd, reboots, wheels to install from; and nothing of them stays."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.source import ROOT
from tests.parts import require

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import access, cgroups, registry, sets
from hosts.model import HostSet
from hosts.shell import run, wait_until

CACHE = ROOT / ".cache" / "hosts"
PROGRAM = [sys.executable, str(ROOT / "scripts" / "test_hosts.py")]
# The root file system may have to be built first.
pytestmark = pytest.mark.timeout(900)


def test_hosts_boot_with_systemd_as_they_should(hosts: HostSet):
    """No unit has failed, and PID 1 is systemd."""
    states = {host.name: state for host, state in sets.status(hosts)}

    assert states == {"gw1": "running", "gw2": "running", "lb1": "running", "redis1": "running"}
    assert access.on(hosts, "gw1", "cat", "/proc/1/comm").strip() == "systemd"


def test_hosts_let_deploy_become_root(hosts: HostSet):
    """Without a password, as Ansible needs it."""
    assert access.on(hosts, "lb1", "id -un; sudo --non-interactive id -un").split() == ["deploy", "root"]


def test_hosts_reach_each_other_and_nothing_else(hosts: HostSet):
    """By name; there is no way out."""
    script = "import socket; socket.create_connection(('redis1', 22), 10).close(); print('there')"

    assert access.on(hosts, "gw1", f'python3 -c "{script}"').strip() == "there"
    assert access.on(hosts, "gw1", "ip route show default").strip() == ""


def test_hosts_have_programs_that_do_not_run(hosts: HostSet):
    """The roles start them; that a package is there starts nothing."""
    units = "haproxy redis-server redis-sentinel prometheus-node-exporter"

    assert access.on(hosts, "redis1", f"systemctl is-active {units} || true").split() == ["inactive"] * 4
    assert "python3.11" in access.on(hosts, "gw1", "readlink -f /usr/bin/python3")


def test_host_that_reboots_starts_anew(hosts: HostSet):
    """Another boot id, the kernel's own sysctls again, and its files as they were."""
    access.on(hosts, "gw2", "sudo sysctl -qw net.core.somaxconn=77; echo kept > kept; sync")
    before = access.boot_id(hosts, "gw2")

    sets.reboot(hosts, "gw2")

    assert access.boot_id(hosts, "gw2") != before
    assert access.on(hosts, "gw2", "cat /proc/sys/net/core/somaxconn kept").split() == ["4096", "kept"]


def test_host_keeps_sysctls_that_a_file_sets(hosts: HostSet):
    """A file in sysctl.d is read at each boot."""
    access.on(hosts, "gw2", "echo net.core.somaxconn = 7777 | sudo tee /etc/sysctl.d/90-test.conf")

    sets.reboot(hosts, "gw2")

    assert access.on(hosts, "gw2", "cat /proc/sys/net/core/somaxconn").strip() == "7777"
    access.on(hosts, "gw2", "sudo rm /etc/sysctl.d/90-test.conf")


def test_wheels_install_on_a_host(hosts: HostSet):
    """The gateway and all that is locked for it, from the bridge, checked against the lock."""
    pip = f"v/bin/pip -q install --no-index --find-links {hosts.wheels_url} --trusted-host {hosts.gateway}"
    install = (
        f"set -e; python3 -m venv v; {pip} --require-hashes -r {hosts.wheels_url}runtime.txt; "
        f"{pip} --no-deps holdfast; v/bin/holdfast version"
    )

    assert access.on(hosts, "gw1", install, timeout=400).strip()


def test_second_up_changes_nothing(hosts: HostSet):
    """What runs already stays as it is."""
    before = [access.boot_id(hosts, name) for name in ("gw1", "lb1")]

    sets.up(hosts, ["gw1", "lb1"], print)

    assert [access.boot_id(hosts, name) for name in ("gw1", "lb1")] == before


def test_set_of_a_run_is_refused_to_another(hosts: HostSet):
    """Nobody takes the hosts down below a test."""
    done = subprocess.run(
        [*PROGRAM, "down", "--set", hosts.name], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 4
    assert "Another process works on the set of hosts `infra`" in done.stderr


def test_host_that_was_killed_comes_up_again():
    """Its ends are found by name: `up` brings a new one."""
    with a_set("infra-killed") as name:
        assert command("up", name, "gw1").returncode == 0
        with registry.claimed(name, CACHE) as hosts:
            for process in cgroups.processes(f"{hosts.group}/gw1"):
                os.kill(process, signal.SIGKILL)
            assert wait_until(lambda: not sets.is_running(hosts.host("gw1")), 30)

        assert command("up", name, "gw1").returncode == 0


def test_down_leaves_nothing_of_a_set_whose_up_was_killed():
    """No link, namespace, mount, control group or file has its number or name."""
    with a_set("infra-cut") as name:
        process = subprocess.Popen([*PROGRAM, "up", "--set", name, "gw1", "lb1"], stdout=subprocess.DEVNULL)
        assert wait_until(lambda: any("-lb1" in trace for trace in traces(name)), 120)
        number = registry.find(name).number
        process.kill()
        process.wait(10)

    assert traces(name, number) == set()


@contextmanager
def a_set(name: str) -> Iterator[str]:
    """Take the set of one test down at its end, and what an earlier run left of it at its beginning."""
    require("nspawn")
    assert command("down", name).returncode == 0
    try:
        yield name
    finally:
        assert command("down", name).returncode == 0


def command(verb: str, name: str, *hosts: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a person would."""
    return subprocess.run([*PROGRAM, verb, "--set", name, *hosts], text=True, timeout=300, check=False)


def traces(name: str, number: int | None = None) -> set[str]:
    """Return what this machine has of a set; other people's may come and go meanwhile."""
    found = registry.find(name)
    number = found.number if found and number is None else number
    ours = re.compile(rf"\bhf(br)?{number}(-|$)|/{name}(/|\.json|$)")
    links = [f"link {link['ifname']}" for link in json.loads(run("ip", "-json", "link", "show"))]
    spaces = [f"netns {line.split()[0]}" for line in run("ip", "netns", "list").splitlines() if line.strip()]
    mounts = [f"mount {line.split()[1]}" for line in Path("/proc/self/mounts").read_text().splitlines()]
    groups = [f"group {path}" for root in cgroups.hierarchies() for path in root.glob("hf*")]
    folders = [f"folder {path}" for folder in (CACHE, registry.RECORDS) for path in folder.iterdir()]
    return {trace for trace in (*links, *spaces, *mounts, *groups, *folders) if ours.search(trace)}
