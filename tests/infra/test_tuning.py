"""The tuning roles on real hosts: predicted, applied, drifted, rebooted, taken back.

The tests of the module follow each other on the same hosts, in this order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.infra.playbooks import Hosts, Run
from tests.parts import require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Everything that a role could touch, without the times: what is byte-identical is the same here.
FILES = (
    'find /etc /var/lib/holdfast /var/lib/prometheus -not -path "*/data*" -printf "%p %y %m %u %g %l\\n" 2>/dev/null'
    " | sort;"
    " find /etc -type f -exec sha256sum {} + | sort -k 2"
)
VALUES = 'sysctl -a 2>/dev/null | grep -E "^net\\.(ipv4\\.(tcp|ip_local)|core|netfilter)" | grep -v conntrack_count'
# Somebody who may log in and may not become root.
PLAIN_USER = (
    "useradd -m plain; mkdir ~plain/.ssh; cp ~deploy/.ssh/authorized_keys ~plain/.ssh/; chown -R plain ~plain/.ssh"
)
# Opt-in, so that a test has to opt in.
SITE = ("site", "--extra-vars", "network_congestion_control=reno")
BEFORE = "net.core.somaxconn=65535"
CHECK = "holdfast-profile-check.service"


State = set[str]


def state_of(hosts: Hosts) -> State:
    """Return files and values of all hosts, a line each."""
    command = f"{FILES}; {VALUES}"
    return {f"{host}: {line}" for host in ("gw1", "redis1") for line in hosts.on(host, command).splitlines()}


@dataclass
class Story:
    """What happened to the hosts before the first test."""

    hosts: Hosts
    before: State
    checked: Run
    after_check: State
    applied: Run
    again: Run


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """Bring two hosts up, look at them, predict, apply, apply again."""
    require("ansible")
    require("test hosts")
    hosts = Hosts("tuning")
    hosts.manage("down")
    hosts.manage("up", "gw1", "redis1")
    # A host that has more of a key than the profile asks for, by itself.
    hosts.on("gw1", f"echo {BEFORE} >/etc/sysctl.d/50-own.conf; sysctl -qw {BEFORE}")
    hosts.on("gw1", PLAIN_USER)
    before = state_of(hosts)
    checked = hosts.play(*SITE, "--check", "--diff")
    after_check = state_of(hosts)
    yield Story(hosts, before, checked, after_check, hosts.play(*SITE, "--diff"), hosts.play(*SITE))
    hosts.manage("down")


def test_check_mode_predicts_exactly_what_changes(story):
    """On clean hosts --check --diff names the same tasks, files and values as the run after it."""
    assert story.checked.code == 0, story.checked.text
    assert story.applied.code == 0, story.applied.text

    assert story.checked.changed == story.applied.changed
    assert story.checked.diff == story.applied.diff
    assert story.checked.changed


def test_check_mode_changes_nothing(story):
    """After --check every file and value is as it was."""
    assert sorted(story.after_check ^ story.before) == []


def test_second_run_changes_nothing(story):
    """What is as wanted is left alone."""
    assert story.again.code == 0, story.again.text
    assert story.again.recap == {"gw1": (0, 0, 0), "redis1": (0, 0, 0)}


def test_host_with_more_than_wanted_keeps_it(story):
    """A key of which the host has more is neither lowered nor written."""
    gw1 = story.hosts.on("gw1", "sysctl -n net.core.somaxconn; cat /etc/sysctl.d/90-holdfast.conf")

    assert gw1.startswith("65535\n")
    assert "somaxconn" not in gw1


def test_chosen_congestion_control_is_set(story):
    """What somebody chose is in force and in the role's own file."""
    gw1 = story.hosts.on("gw1", "sysctl -n net.ipv4.tcp_congestion_control; cat /etc/sysctl.d/90-holdfast-network.conf")

    assert gw1.startswith("reno\n")
    assert "net.ipv4.tcp_congestion_control = reno" in gw1


def test_drift_is_found_and_mended(story):
    """A value set by hand and an edited file are predicted by name, and set again."""
    story.hosts.on("gw1", 'sysctl -qw net.ipv4.tcp_max_syn_backlog=128; echo "# mine" >>/etc/sysctl.d/90-holdfast.conf')

    checked = story.hosts.play(*SITE, "--check", "--diff", "--tags", "kernel_tuning")
    applied = story.hosts.play(*SITE, "--tags", "kernel_tuning")

    assert "-net.ipv4.tcp_max_syn_backlog = 128" in checked.diff
    assert "-# mine" in checked.diff
    assert {host for host, *_ in checked.changed} == {"gw1"}
    assert applied.changed == checked.changed
    assert story.hosts.on("gw1", "sysctl -n net.ipv4.tcp_max_syn_backlog").strip() != "128"


def test_bad_input_is_named_and_other_hosts_go_on(story, tmp_path):
    """A missing key, a read-only one, a later file that wins, a host out of reach, no sudo: each by name."""
    hosts = story.hosts
    hosts.on("gw1", "echo net.ipv4.tcp_notsent_lowat = 4096 >/etc/sysctl.d/99-other.conf")
    state = state_of(hosts)
    inventory = hosts.inventory()
    groups = inventory["all"]["children"]
    address = groups["gateways"]["hosts"]["gw1"]["ansible_host"]
    groups["gateways"]["hosts"] = {
        "gw1": {
            "ansible_host": address,
            "kernel_tuning_extra": {"net.ipv4.no_such_key": 1, "kernel.pid_max": 4000000},
        },
        "nosudo": {"ansible_host": address, "ansible_user": "plain"},
        "gone": {"ansible_host": address.rpartition(".")[0] + ".99", "ansible_ssh_extra_args": "-o ConnectTimeout=3"},
    }
    path = tmp_path / "inventory.json"
    path.write_text(json.dumps(inventory))

    run = hosts.play(*SITE, "--tags", "kernel_tuning", inventory=path)

    assert run.code != 0
    assert "net.ipv4.no_such_key: kernel" in run.text
    assert "kernel.pid_max: has" in run.text
    assert "and is read-only on this host" in run.text
    assert "/etc/sysctl.d/99-other.conf line 1 sets 4096" in run.text
    assert run.recap["gw1"] == (0, 0, 1)
    assert run.recap["gone"] == (0, 1, 0)
    assert "sudo" in run.text
    assert run.recap["nosudo"][1:] != (0, 0)
    assert run.recap["redis1"] == (0, 0, 0)
    assert sorted(state_of(hosts) ^ state) == []
    hosts.on("gw1", "rm /etc/sysctl.d/99-other.conf")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("kernel_tuning_extra", "much"),
        ("limits_users", {"holdfast": 1}),
        ("network_conntrack", "perhaps"),
        ("monitoring_agent_lock_timeout", "long"),
    ],
)
def test_variable_of_a_wrong_type_is_named(story, variable, value):
    """A variable that cannot be right stops its role before the first task, by name."""
    role = next(
        role for role in ("kernel_tuning", "limits", "network", "monitoring_agent") if variable.startswith(role)
    )

    run = story.hosts.play(
        *SITE, "--tags", role, "--limit", "redis1", "--extra-vars", json.dumps({variable: value})
    )  # fmt: skip

    assert run.code != 0
    assert variable in run.text
    assert run.recap["redis1"] == (0, 0, 1)


def test_reboot_keeps_everything(story):
    """After a reboot nothing is left to be done."""
    story.hosts.manage("reboot", "gw1")

    run = story.hosts.play(*SITE, "--check", "--limit", "gw1")

    assert run.code == 0, run.text
    assert run.recap == {"gw1": (0, 0, 0)}


def test_rollback_brings_back_every_byte(story):
    """Values and files are as before the first change, no unit has failed, and a second rollback has nothing to do."""
    # A check that cannot be done, as one that begins when half of its files are gone.
    program = "/opt/holdfast/slots/1a/bin/holdfast"
    script = f'mkdir -p $(dirname {program}); printf "#!/bin/sh\\nexit 4\\n" >{program}; chmod +x {program}'
    story.hosts.on("gw1", f"{script}; systemctl start {CHECK}; rm -r /opt/holdfast")
    failed = story.hosts.on("gw1", f"systemctl is-failed {CHECK} || true").strip()
    run, again = story.hosts.play("rollback"), story.hosts.play("rollback")

    assert run.code == 0, run.text
    assert sorted(state_of(story.hosts) ^ story.before) == []
    assert again.recap == {"gw1": (0, 0, 0), "redis1": (0, 0, 0)}
    assert (failed, story.hosts.on("gw1", "systemctl --failed --no-legend")) == ("failed", "")
