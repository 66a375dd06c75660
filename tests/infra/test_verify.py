"""Hosts held against the profile: green when they have it, and each of ten drifts found by name, place and command.

The tests of the module follow each other on the same hosts: tuned by the playbook, with a gateway, HAProxy and Redis.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

import pytest

from holdfast.profile import HostFacts, load, render
from holdfast.profile.render.haproxy import haproxy, slots
from tests.infra.playbooks import Hosts
from tests.infra.test_tuning import PLAIN_USER
from tests.parts import require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NAMES = ("gw1", "lb1", "redis1")
ROLES = "gw1=gateway,lb1=load_balancer,redis1=redis"
UNIT = """\
[Service]
Type=exec
Environment=HOLDFAST_HTTP__BACKLOG=4096 HOLDFAST_HOST=127.0.0.1
ExecStart=/opt/holdfast/bin/holdfast serve --dev
StateDirectory=holdfast-%i
WorkingDirectory=/var/lib/holdfast-%i
"""
SOME_HOST = HostFacts(2 * 1024**3, 2)
DROP_IN = "/etc/systemd/system/holdfast@.service.d"


def put(hosts: Hosts, host: str, path: str, text: str) -> None:
    """Write a file on a host, as root."""
    ssh = ["ssh", "-F", hosts.folder / "ssh_config", host, "sudo", "tee", path]
    subprocess.run(ssh, input=text, text=True, stdout=subprocess.DEVNULL, check=True, timeout=60)


def start_programs(hosts: Hosts) -> None:
    """Start a gateway, HAProxy and Redis with what the profile renders for these hosts."""
    profile, facts = load("local"), memory_of(hosts)
    hosts.on("gw1", f"mkdir -p {DROP_IN}")
    put(hosts, "gw1", "/etc/systemd/system/holdfast@.service", UNIT)
    put(hosts, "gw1", f"{DROP_IN}/10-profile.conf", render("unit", profile, facts))
    url = hosts.inventory()["all"]["vars"]["holdfast_wheels_url"]
    pip = f"/opt/holdfast/bin/pip install -q --no-index --find-links {url} --trusted-host {url[7:-6]} holdfast"
    hosts.on("gw1", f"python3 -m venv /opt/holdfast && {pip} && systemctl daemon-reload && systemctl start holdfast@1a")
    put(hosts, "lb1", "/etc/haproxy/haproxy.cfg", haproxy(profile, facts, slots(profile.intents, {"gw1": "10.0.0.1"})))
    hosts.on("lb1", "systemctl restart haproxy")
    put(hosts, "redis1", "/etc/redis/holdfast.conf", f"{render('redis', profile, facts)}requirepass hidden-word\n")
    hosts.on("redis1", "mkdir -p /etc/systemd/system/redis-server.service.d")
    put(hosts, "redis1", "/etc/systemd/system/redis-server.service.d/holdfast.conf", "[Service]\nLimitNOFILE=20000\n")
    hosts.on(
        "redis1",
        "grep -q holdfast.conf /etc/redis/redis.conf || echo include /etc/redis/holdfast.conf >>/etc/redis/redis.conf;"
        " chmod a+r /etc/redis/holdfast.conf; systemctl daemon-reload; systemctl restart redis-server",
    )
    wait = "for i in $(seq 300); do ss -ltn | grep -q :8000 && exit 0; sleep 0.2; done; exit 1"
    hosts.on("gw1", wait)


def memory_of(hosts: Hosts) -> HostFacts:
    """Return the hosts as the profile calculates for them; they share one machine."""
    kilobytes = int(hosts.on("redis1", "grep MemTotal /proc/meminfo").split()[1])
    return HostFacts(kilobytes // 1024 * 1024**2, SOME_HOST.cores)


@dataclass(frozen=True)
class Checked:
    """A run of pytest on hosts, by its JUnit file."""

    code: int
    text: str
    results: dict[tuple[str, str], tuple[str, str]]

    def failed(self) -> dict[tuple[str, str], str]:
        """Return message by host and control of what is not fine."""
        return {pair: text for pair, (outcome, text) in self.results.items() if outcome == "failure"}


def check(hosts: Hosts, folder, *options: str, names: tuple[str, ...] = NAMES, roles: str = ROLES) -> Checked:
    """Run the tests over SSH."""
    reach = (f"--hosts={','.join(f'ssh://{name}' for name in names)}", f"--ssh-config={hosts.folder / 'ssh_config'}")
    return run_tests(folder, *reach, f"--holdfast-roles={roles}", *options)


def run_tests(folder, *options: str) -> Checked:
    """Run the tests as somebody else's pipeline does, from a folder that is not ours."""
    report = folder / "junit.xml"
    command = [
        sys.executable, "-m", "pytest", "-p", "holdfast.verify.plugin", "--pyargs", "holdfast.verify", "-q",
        "-p", "no:cacheprovider", "--holdfast-profile=local", "--holdfast-wait=0.5", f"--junitxml={report}", *options,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert report.is_file(), done.stdout + done.stderr
    results = {}
    for case in ElementTree.parse(report).iter("testcase"):
        host, _, control = case.attrib["name"].partition("[")[2].rstrip("]").partition("-")
        found = next((one for one in case if one.tag in {"failure", "error", "skipped"}), None)
        results[host, control] = (
            ("passed", "") if found is None else (found.tag, f"{found.get('message')}\n{found.text}")
        )
    return Checked(done.returncode, done.stdout + done.stderr, results)


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """Bring three hosts up, tune them, start what runs on them."""
    require("ansible")
    require("test hosts")
    made = Hosts("verify")
    made.manage("down")
    made.manage("up", *NAMES)
    site = made.play("site")
    assert site.code == 0, site.text
    start_programs(made)
    yield made
    if not os.environ.get("KEEP_HOSTS"):
        made.manage("down")


def test_tuned_hosts_are_green_and_each_control_is_a_test(hosts, tmp_path):
    """After the playbook every control of every host is fine or does not apply, under its own id."""
    found = check(hosts, tmp_path)

    assert found.failed() == {}, found.text
    assert found.code == 0
    assert ("gw1", "hf-fd-004") in found.results
    assert ("redis1", "hf-redis-003") in found.results
    assert sum(outcome == "passed" for outcome, _ in found.results.values()) > 60


def test_playbook_verify_is_green_and_changes_nothing(hosts, tmp_path):
    """The role judges the same, and leaves a report a host where one is wanted."""
    run = hosts.play("verify", "--extra-vars", json.dumps({"verify_report_folder": str(tmp_path)}))

    assert run.code == 0, run.text
    assert run.recap == dict.fromkeys(NAMES, (0, 0, 0))
    assert json.loads((tmp_path / "lb1.json").read_text())["summary"].keys() == {"ok", "not_applicable"}


# The soft limit alone: test hosts may not raise a hard one again.
OF_GATEWAY = "prlimit --pid $(systemctl show --value -p MainPID holdfast@1a)"
# Host, control, what is done, what undoes it, what the message has to say.
DRIFTS = {
    "sysctl by hand": (
        "gw1", "hf-dead-004", "sysctl -qw net.ipv4.tcp_retries2=15", "sysctl -qw net.ipv4.tcp_retries2=8",
        ("changed after /etc/sysctl.d/90-holdfast.conf line", "sysctl -w net.ipv4.tcp_retries2=8"),
    ),
    "edited drop-in": (
        "gw1", "hf-dead-001",
        "cp /etc/sysctl.d/90-holdfast.conf /var/lib/kept;"
        " sed -i s/tcp_keepalive_time.*/tcp_keepalive_time=7000/ /etc/sysctl.d/90-holdfast.conf",
        "mv /var/lib/kept /etc/sysctl.d/90-holdfast.conf",
        ("300 now, 7000 after the next start", "/etc/sysctl.d/90-holdfast.conf line", "sed -i"),
    ),
    "later file": (
        "lb1", "hf-dead-005",
        "printf \"# a\\n-net/ipv4/tcp_fin_timeout = 60\\n\" >/etc/sysctl.d/99-vendor.conf;"
        " sysctl -qw net.ipv4.tcp_fin_timeout=60",
        "rm /etc/sysctl.d/99-vendor.conf; sysctl -qw net.ipv4.tcp_fin_timeout=30",
        ("saw 60", "/etc/sysctl.d/99-vendor.conf line 2", "sed -i"),
    ),
    "removed file": (
        "redis1", "hf-dead-003", "mv /etc/sysctl.d/90-holdfast.conf /var/lib/kept",
        "mv /var/lib/kept /etc/sysctl.d/90-holdfast.conf",
        ("5 now, 9 after the next start", "no file of sysctl.d sets it", ">>/etc/sysctl.d/90-holdfast.conf"),
    ),
    "unit drop-in": (
        "gw1", "hf-fd-003",
        f"printf \"[Service]\\nLimitNOFILE=4096\\n\" >{DROP_IN}/50-other.conf; systemctl daemon-reload",
        f"rm {DROP_IN}/50-other.conf; systemctl daemon-reload",
        ("saw 4096", f"{DROP_IN}/50-other.conf line 2", "systemctl daemon-reload"),
    ),
    "unit property": (
        "gw1", "hf-unit-001", "systemctl set-property --runtime holdfast@1a MemoryMax=64M",
        "rm -r /run/systemd/system.control/holdfast@1a.service.d; systemctl daemon-reload",
        ("saw 67108864", "/run/systemd/system.control/holdfast@1a.service.d/50-MemoryMax.conf line"),
    ),
    "file not read yet": (
        "gw1", "hf-unit-002", f"printf \"[Service]\\nTimeoutStopSec=10\\n\" >{DROP_IN}/60-stop.conf",
        f"rm {DROP_IN}/60-stop.conf; systemctl daemon-reload",
        ("10 after the next start", f"{DROP_IN}/60-stop.conf line 2"),
    ),
    "limit of a process": (
        "gw1", "hf-fd-004", f"{OF_GATEWAY} --nofile=2048:",
        f"{OF_GATEWAY} --nofile=$({OF_GATEWAY} --nofile --noheadings -o HARD):",
        ("saw 2048", "holdfast@1a.service, process", "prlimit --pid"),
    ),
    "haproxy maxconn": (
        "lb1", "hf-proxy-001", "echo set maxconn global 100 | python3 /var/lib/say.py", "systemctl restart haproxy",
        ("saw 100", "changed after /etc/haproxy/haproxy.cfg line", "systemctl reload haproxy"),
    ),
    "redis setting": (
        "redis1", "hf-redis-003",
        "REDISCLI_AUTH=hidden-word redis-cli CONFIG SET maxmemory-policy allkeys-lru",
        "REDISCLI_AUTH=hidden-word redis-cli CONFIG SET maxmemory-policy noeviction",
        ("saw allkeys-lru", "changed after /etc/redis/holdfast.conf line", "CONFIG SET maxmemory-policy noeviction"),
    ),
    "connection tracking": (
        "lb1", "hf-track-004", "sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=432000",
        "sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=86400",
        ("saw 432000", "changed after /etc/sysctl.d/90-holdfast-network.conf line", "sysctl -w net.netfilter"),
    ),
}  # fmt: skip
SAY = """\
import socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect("/run/haproxy/admin.sock")
link.sendall(sys.stdin.buffer.read())
link.recv(1000)
"""


@pytest.fixture(scope="module")
def drifted(hosts, tmp_path_factory) -> tuple[Checked, str]:
    """Let all hosts drift in every way at once, and check them by pytest and by the playbook."""
    put(hosts, "lb1", "/var/lib/say.py", SAY)
    for host, _, change, _, _ in DRIFTS.values():
        hosts.on(host, change)
    return check(hosts, tmp_path_factory.mktemp("drift")), hosts.play("verify").text


@pytest.mark.parametrize("way", DRIFTS)
def test_drift_is_found_by_name_place_and_command(drifted, way):
    """Each way to drift is its control's failure, on that host alone, with what set it and what mends it."""
    found, _ = drifted
    host, control, _, _, said = DRIFTS[way]

    message = found.failed()[host, control]

    assert [part for part in said if part not in message] == [], message
    assert "mend it with: " in message


def test_nothing_else_is_found_and_no_secret_told(drifted):
    """What did not drift is fine; the removed file is the one that takes several keys with it."""
    found, text = drifted
    expected = {(host, control) for host, control, *_ in DRIFTS.values()}
    others = {pair for pair in found.failed() if pair not in expected}

    assert {host for host, _ in others} <= {"redis1"}
    assert all("no file of sysctl.d sets it" in found.failed()[pair] for pair in others)
    assert "hidden-word" not in found.text + text


def test_playbook_lists_the_drifted_keys_by_host(drifted):
    """The role names the same keys, each under its host, and fails."""
    _, text = drifted

    for host, control, *_ in DRIFTS.values():
        part = text.partition(f"fatal: [{host}]")[2].partition("fatal: ")[0]
        assert control in part, text


def test_mended_hosts_are_green_again(hosts, tmp_path):
    """Nothing of the drift is left once it was undone."""
    for host, _, _, undo, _ in DRIFTS.values():
        hosts.on(host, undo)

    assert check(hosts, tmp_path).failed() == {}


def test_host_out_of_reach_is_named_and_the_others_are_checked(hosts, tmp_path):
    """One that does not answer, and one on which we may not become root, could not be checked, by name."""
    hosts.on("redis1", PLAIN_USER)

    found = check(hosts, tmp_path, names=("gw1", "plain@redis1", "nobody"), roles=f"{ROLES},nobody=redis")

    failed = found.failed()
    assert {host for host, _ in failed} == {"redis1", "nobody"}
    assert "could not check: host nobody: ssh: " in failed["nobody", "hf-fd-001"]
    assert "sudo" in failed["redis1", "hf-fd-001"]


def test_inventory_and_waivers_work_in_a_pipeline(hosts, tmp_path):
    """Groups give the roles; a waiver lets its drift pass until its day, and no longer."""
    hosts.on("lb1", "sysctl -qw net.ipv4.tcp_retries2=15")
    waivers = tmp_path / "waivers.yaml"
    text = "waivers: [{{control: hf-dead-004, hosts: lb1, reason: a switch loses packets, expires: {}}}]"
    options = (f"--ansible-inventory={hosts.folder / 'inventory.json'}", f"--holdfast-waivers={waivers}")
    waivers.write_text(text.format("2099-01-01"))
    waived = check(hosts, tmp_path, *options, roles="")
    waivers.write_text(text.format("2026-01-01"))
    expired = check(hosts, tmp_path, *options, roles="")
    hosts.on("lb1", "sysctl -qw net.ipv4.tcp_retries2=8")

    assert (waived.code, waived.failed()) == (0, {}), waived.text
    assert "waived only until 2026-01-01" in expired.failed()["lb1", "hf-dead-004"]


# A queue of one, which nobody takes from, and more who want in.
OVERFLOW = """\
import socket, time
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
clients = [socket.socket() for _ in range(20)]
for client in clients:
    client.setblocking(False)
    client.connect_ex(listener.getsockname())
time.sleep(1.5)
"""


@pytest.mark.parametrize("options", [(), ("--force-ansible",)], ids=["connection", "module"])
def test_ansible_back_end_checks_what_its_inventory_names(hosts, tmp_path, options):
    """A group of it, by testinfra's own connection or by Ansible's; its groups give the roles."""
    found = run_tests(
        tmp_path, "--hosts=ansible://gateways,ansible://redis", *options,
        f"--ansible-inventory={hosts.folder / 'inventory.json'}",
    )  # fmt: skip

    assert (found.code, found.failed()) == (0, {}), found.text
    assert {host for host, _ in found.results} == {"gw1", "redis1"}
    assert found.results["gw1", "hf-fd-004"][0] == found.results["redis1", "hf-redis-003"][0] == "passed"


def test_what_grew_between_two_runs_is_found(hosts, tmp_path):
    """Connections dropped while nobody looked are the next run's drift, and no longer the one's after that."""
    put(hosts, "gw1", "/var/lib/overflow.py", OVERFLOW)
    state = f"--holdfast-state={tmp_path / 'counters.json'}"

    def overflows():
        found = check(hosts, tmp_path, state, names=("gw1",))
        return found.failed().get(("gw1", "hf-accept-008"), "")

    first = overflows()
    hosts.on("gw1", "python3 /var/lib/overflow.py")
    second, third = overflows(), overflows()

    assert (first, third) == ("", "")
    assert "of them since the last check" in second


def test_timer_of_a_host_keeps_what_counters_had(hosts):
    """The unit of the monitoring agent may write metrics and its own state, and finds what grew since its last run."""
    hosts.on(
        "gw1", "mkdir -p /opt/holdfast/slots/1a/bin; ln -sf /opt/holdfast/bin/holdfast /opt/holdfast/slots/1a/bin/"
    )
    put(hosts, "gw1", "/var/lib/overflow.py", OVERFLOW)
    grown = "grep counter_grown.*hf-accept-008 /var/lib/prometheus/node-exporter/holdfast_profile.prom"

    hosts.on("gw1", "systemctl start holdfast-profile-check")
    before = hosts.on("gw1", grown)
    hosts.on("gw1", "python3 /var/lib/overflow.py; systemctl start holdfast-profile-check")
    after = hosts.on("gw1", grown)
    hosts.on("gw1", "rm -r /opt/holdfast/slots")

    assert before.split()[-1] == "0"
    assert int(after.split()[-1]) > 0


def test_command_on_a_host_says_the_same(hosts):
    """`holdfast profile check` there is green, and writes what the exporter publishes."""
    program = "/opt/holdfast/bin/holdfast profile check --profile local --role gateway"
    if "No such command" in hosts.on("gw1", f"{program} --help 2>&1 || true"):
        pytest.skip("the wheel of these hosts is older than the command")
    folder = "/var/lib/prometheus/node-exporter"

    said = hosts.on("gw1", f"{program} --wait 0.5 --textfile {folder}/holdfast.prom 2>&1; cat {folder}/holdfast.prom")

    assert 'holdfast_profile_compliant{control="hf-fd-004"} 1' in said
    assert "compliant{} 0" not in said
