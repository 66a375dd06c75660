"""The tuning roles on a kernel of their own: keys of the whole machine, descriptors, a real reboot, and back.

The tests of the module follow each other on the same virtual machine, in this order. It is emulated: some minutes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.profile import HostFacts, expectations, load, raise_only, render
from tests.infra.playbooks import Hosts, Run
from tests.infra.test_tuning import FILES
from tests.parts import require

pytestmark = [pytest.mark.proof, pytest.mark.timeout(3600)]

VM = "vm1"
# What test hosts in namespaces cannot have, and what somebody has to choose, all switched on.
SWITCHED_ON = (
    "hf-vm-001", "hf-vm-002", "hf-vm-003", "hf-net-001", "hf-net-002", "hf-net-003", "hf-net-006", "hf-net-007",
    "hf-net-008",
)  # fmt: skip
PROFILE = """extends: local
name: machine
description: A machine with a kernel of its own and 100,000 descriptors for a process.
intents:
  connections_per_instance: 20000
  slow_reader_ratio: 0.001
  drain_window: 60s
  descriptor_ceiling: null
  descriptor_slack: 60000
entries:
""" + "".join(f"  - id: {name}\n    enabled: true\n" for name in SWITCHED_ON)
DESCRIPTORS = 100352
GLOBAL = {
    "fs.nr_open", "fs.file-max", "net.ipv4.tcp_mem", "net.ipv4.tcp_max_orphans", "net.core.netdev_max_backlog",
    "net.core.default_qdisc", "net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_buckets",
    "vm.overcommit_memory", "vm.swappiness", "net.ipv4.neigh.default.gc_thresh3",
    "/sys/kernel/mm/transparent_hugepage/enabled",
}  # fmt: skip
VALUES = 'sysctl -a 2>/dev/null | grep -E "^(fs\\.(nr_open|file-max)|vm\\.(over|swapp)|net\\.(ipv4|core|netfilter)\\.)"'
HUGE_PAGES = "cat /sys/kernel/mm/transparent_hugepage/enabled"
# Modules stay loaded until the next boot, and bring keys and choices.
OF_MODULES = ("net.netfilter.", "net.ipv4.tcp_available_congestion_control", "net.ipv4.tcp_allowed_congestion_control")
# Counted by the kernel while it runs, or at each boot from the memory that happens to be free.
OF_THE_BOOT = ("net.netfilter.nf_conntrack_count", "net.ipv4.tcp_mem", "net.ipv4.udp_mem", "net.ipv4.tcp_fastopen_key")
# Opens what it can get, as a unit of the gateway's name with the profile's drop-in.
PROBE = """[Service]
Type=oneshot
StandardOutput=file:/run/descriptors
ExecStart=/usr/bin/python3 /run/descriptors.py
"""
OPENER = """import errno, os
opened = []
try:
    while True:
        opened.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    print(opened[-1] + 1, errno.errorcode[error.errno])
"""


@dataclass
class Story:
    """What happened to the machine before the first test."""

    hosts: Hosts
    profile: Path
    inventory: Path
    before: set[str]
    checked: Run
    after_check: set[str]
    applied: Run
    again: Run

    def play(self, *words: str) -> Run:
        """Run a playbook against the machine."""
        return play(self.hosts, self.profile, self.inventory, *words)

    def facts(self) -> HostFacts:
        """Return what the profile calculates with, as Ansible sees it."""
        memory, cores, kernel = self.hosts.on(VM, "sed -n s/^MemTotal:.//p /proc/meminfo; nproc; uname -r").splitlines()
        roles = frozenset({"gateway", "redis"})
        return HostFacts(int(memory.split()[0]) // 1024 * 1024 * 1024, int(cores), kernel, roles)


def play(hosts: Hosts, profile: Path, inventory: Path, playbook: str, *options: str) -> Run:
    """Run a playbook with the profile of this module."""
    return hosts.play(playbook, "--extra-vars", f"holdfast_profile={profile}", *options, inventory=inventory)


def state_of(hosts: Hosts) -> set[str]:
    """Return files and values of the machine, a line each."""
    return set(hosts.on(VM, f"{FILES}; {VALUES}; {HUGE_PAGES}").splitlines())


def without(state: set[str], prefixes: tuple[str, ...]) -> set[str]:
    """Return the lines that do not begin so."""
    return {line for line in state if not line.startswith(prefixes)}


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Iterator[Story]:
    """Bring the machine up, look at it, predict, apply, apply again."""
    require("ansible")
    require("vm")
    hosts = Hosts("machine", patience=1200)
    folder = tmp_path_factory.mktemp("machine")
    profile, inventory = folder / "machine.yaml", folder / "inventory.json"
    profile.write_text(PROFILE)
    hosts.manage("down")
    hosts.manage("up", VM)
    known = hosts.inventory()
    children = known["all"]["children"]
    children["gateways"] = children["redis"] = children.pop("others")
    inventory.write_text(json.dumps(known))
    before = state_of(hosts)
    checked = play(hosts, profile, inventory, "site", "--check", "--diff")
    after_check = state_of(hosts)
    runs = [play(hosts, profile, inventory, "site", "--diff") for _ in range(2)]
    yield Story(hosts, profile, inventory, before, checked, after_check, *runs)
    hosts.manage("down")


def not_in_force(story: Story) -> tuple[set[str], dict[str, str]]:
    """Return the keys that the profile expects, and of those that are not as expected what the kernel has."""
    wanted = [
        one
        for one in expectations(load(str(story.profile)), story.facts())
        if one.kind in {"sysctl", "sysfs"} and one.mode != "report" and one.value is not None
    ]
    paths = [one.key if one.kind == "sysfs" else f"/proc/sys/{one.key.replace('.', '/')}" for one in wanted]
    seen = story.hosts.on(VM, f"for path in {' '.join(paths)}; do cat $path || echo; done").splitlines()
    values = [value.split("[")[1].split("]")[0] if "[" in value else " ".join(value.split()) for value in seen]
    pairs = zip(wanted, values, strict=True)
    missed = {one.key: value for one, value in pairs if not value or raise_only(one, value) is not None}
    return {one.key for one in wanted}, missed


def test_check_mode_predicts_what_modules_bring(story):
    """Keys that are not there yet are named with their values, and nothing is changed."""
    assert story.checked.code == 0, story.checked.text
    assert sorted(story.after_check ^ story.before) == []
    assert story.checked.changed == story.applied.changed
    assert story.checked.diff == story.applied.diff
    assert "+net.netfilter.nf_conntrack_max = 262144" in story.checked.diff


def test_roles_converge_and_then_change_nothing(story):
    """The first run changes the machine, the second one nothing."""
    assert story.applied.code == 0, story.applied.text
    assert story.applied.recap[VM][0] > 0
    assert story.again.code == 0, story.again.text
    assert story.again.recap == {VM: (0, 0, 0)}, story.again.text


def test_keys_of_the_whole_machine_are_in_force(story):
    """Every key of the profile has its value in the kernel, those that no container has as well."""
    keys, missed = not_in_force(story)

    assert keys >= GLOBAL
    assert missed == {}


def test_connection_tracking_gets_its_table(story):
    """The number of buckets came with the module, and not the eight times as many entries that it makes of that."""
    assert story.hosts.on(VM, "sysctl -n net.netfilter.nf_conntrack_max").strip() == "262144"
    assert story.hosts.on(VM, "cat /sys/module/nf_conntrack/parameters/hashsize").strip() == "262144"


def test_process_gets_the_descriptors_of_its_unit(story):
    """A process of the unit opens as many as the profile calculated, far beyond 20,000, and no more."""
    drop_in = render("unit", load(str(story.profile)), story.facts())
    folder = "/run/systemd/system/holdfast@.service"
    for path, text in (
        (folder, PROBE),
        (f"{folder}.d/profile.conf", drop_in),
        ("/run/descriptors.py", OPENER),
    ):
        coded = base64.b64encode(text.encode()).decode()
        story.hosts.on(VM, f"mkdir -p $(dirname {path}); echo {coded} | base64 -d >{path}")

    opened = story.hosts.on(VM, "systemctl daemon-reload; systemctl start holdfast@1a; cat /run/descriptors")

    assert opened.split() == [str(DESCRIPTORS), "EMFILE"]


def test_reboot_keeps_everything(story):
    """After a real boot every key is in force, interfaces have the packet scheduler, and nothing is left to be done."""
    boot = story.hosts.on(VM, "cat /proc/sys/kernel/random/boot_id")
    story.hosts.manage("reboot", VM)

    assert story.hosts.on(VM, "cat /proc/sys/kernel/random/boot_id") != boot
    assert not_in_force(story)[1] == {}
    assert "qdisc fq " in story.hosts.on(VM, "tc qdisc show")
    run = story.play("site", "--check", "--diff")
    assert run.code == 0, run.text
    assert run.recap == {VM: (0, 0, 0)}, run.text


def test_rollback_brings_back_every_byte(story):
    """Files and values are as before the first change; modules and their keys go with the next boot."""
    run = story.play("rollback")

    assert run.code == 0, run.text
    assert sorted(without(state_of(story.hosts) ^ story.before, OF_MODULES)) == []
    story.hosts.manage("reboot", VM)
    assert sorted(without(state_of(story.hosts) ^ story.before, OF_THE_BOOT)) == []
