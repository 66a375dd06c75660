"""What happens to a fleet between deploys, and in the middle of one: power cuts, certificates, a limit, an index."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority, Contents, make_authority, write_certificate
from tests.infra.index import PASSWORD, served
from tests.infra.playbooks import Hosts, Run
from tests.infra.rolling import SECRETS, Rolling
from tests.infra.wheels import built_wheel, other_wheel
from tests.parts import require
from tests.runbooks import READ_ONLY, RUNBOOKS
from tests.wire import eventually

pytestmark = [pytest.mark.timeout(1200), pytest.mark.slow, pytest.mark.proof]

SET = "operations"
HOSTS = ("gw1", "gw2", "lb1", "redis1")
GATEWAYS = ("gw1", "gw2")
PATIENCE_SECONDS = 600.0
HANDSHAKE = (
    "GET /connection/websocket HTTP/1.1\r\nHost: gateway.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
# Counts the lines with the word on all command lines, again and again; the word itself is on none of this.
WATCH = (
    '(while sleep 0.1; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr -d "\\000" | grep -acf /run/word; done)'
    " >/run/looks 2>/dev/null </dev/null & echo $! >/run/watch"
)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rolling]:
    """Four hosts with the gateway on them, for the tests of this file."""
    require("nspawn")
    require("ansible")
    hosts = Hosts(SET, patience=900)
    folder = tmp_path_factory.mktemp(SET)
    # What an earlier run that was killed left behind.
    hosts.manage("down")
    hosts.manage("up", *HOSTS)
    try:
        made = Rolling(hosts, folder, built_wheel(folder))
        done = made.play("deploy")
        assert done.code == 0, done.text
        yield made
    finally:
        hosts.manage("down")


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return when something is so."""
    eventually(condition, PATIENCE_SECONDS, what, 0.2)


def versions(fleet: Rolling) -> dict[str, list[str]]:
    """Return the versions that each gateway host runs."""
    return {host: list(fleet.running(host).values()) for host in GATEWAYS}


def is_at_rest(fleet: Rolling) -> bool:
    """Tell whether each host runs the one slot that comes back after a reboot, ready and not drained."""
    return all(
        len(fleet.running(host)) == 1
        and fleet.enabled(host) == list(fleet.running(host))
        and is_ready(fleet, host, next(iter(fleet.running(host))))
        for host in GATEWAYS
    )


def is_ready(fleet: Rolling, host: str, slot: str) -> bool:
    """Tell whether a slot of a host says so."""
    address = fleet.hosts.inventory()["all"]["children"]["gateways"]["hosts"][host]["ansible_host"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}:{9000 + 'ab'.index(slot[-1])}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_power_cut_of_the_host_under_the_roll_is_named_and_taken_up(fleet: Rolling, tmp_path: Path) -> None:
    """While both its slots run: gw1 is named, gw2 keeps its version and its connections, the next deploy ends it."""
    before = fleet.running("gw2")
    newer = Rolling(fleet.hosts, tmp_path, other_wheel(fleet.wheel, tmp_path, "0.1.1"))
    log = tmp_path / "cut.log"
    deploy = newer.begin("holdfast.gateway.deploy", log)
    wait_until(lambda: deploy.poll() is not None or len(newer.running("gw1")) > 1, "both slots run")
    fleet.hosts.manage("cut", "gw1")
    code = deploy.wait(PATIENCE_SECONDS)
    said = Run(code, log.read_text())
    left = fleet.running("gw2")
    fleet.hosts.manage("boot", "gw1")
    wait_until(lambda: newer.running("gw1"), "gw1 serves again after its boot")
    came_back = newer.running("gw1")
    done = newer.play("deploy")

    assert code != 0
    assert said.recap["gw1"][1:] in {(1, 0), (0, 1)}, said.text
    assert left == before
    assert set(came_back.values()) <= {"0.1.0", "0.1.1"}
    assert done.code == 0, done.text
    assert versions(newer) == {"gw1": ["0.1.1"], "gw2": ["0.1.1"]}
    assert is_at_rest(newer)


def test_power_cut_of_a_host_that_waits_stops_before_it(fleet: Rolling, tmp_path: Path) -> None:
    """gw2 stays away: gw1 is rolled to its end, gw2 is named; when it is back the next deploy rolls it alone."""
    before = list(fleet.running("gw2").values())
    newer = Rolling(fleet.hosts, tmp_path, other_wheel(fleet.wheel, tmp_path, "0.1.2"))
    log = tmp_path / "waits.log"
    deploy = newer.begin("holdfast.gateway.deploy", log)
    wait_until(lambda: deploy.poll() is not None or len(newer.running("gw1")) > 1, "both slots run")
    fleet.hosts.manage("cut", "gw2")
    code = deploy.wait(PATIENCE_SECONDS)
    said = Run(code, log.read_text())
    rolled = newer.running("gw1")
    fleet.hosts.manage("boot", "gw2")
    wait_until(lambda: newer.running("gw2"), "gw2 serves again after its boot")
    old = list(newer.running("gw2").values())
    done = newer.play("deploy")

    assert code != 0
    assert said.recap["gw2"][1:] == (1, 0), said.text
    assert (list(rolled.values()), old) == (["0.1.2"], before)
    assert done.code == 0, done.text
    assert newer.running("gw1") == rolled
    assert versions(newer) == {"gw1": ["0.1.2"], "gw2": ["0.1.2"]}
    assert is_at_rest(newer)


def test_host_that_reboots_while_it_waits_is_rolled(fleet: Rolling, tmp_path: Path) -> None:
    """Back before its turn: nothing failed, so the deploy goes through."""
    newer = Rolling(fleet.hosts, tmp_path, other_wheel(fleet.wheel, tmp_path, "0.1.3"))
    log = tmp_path / "reboots.log"
    deploy = newer.begin("holdfast.gateway.deploy", log)
    try:
        wait_until(lambda: deploy.poll() is not None or len(newer.running("gw1")) > 1, "both slots run")
        fleet.hosts.manage("reboot", "gw2")
        code = deploy.wait(PATIENCE_SECONDS)
    finally:
        if deploy.poll() is None:
            os.killpg(deploy.pid, signal.SIGKILL)

    assert code == 0, log.read_text()
    assert versions(newer) == {"gw1": ["0.1.3"], "gw2": ["0.1.3"]}
    assert is_at_rest(newer)


def test_one_gateway_by_limit_is_rolled_alone(fleet: Rolling, tmp_path: Path) -> None:
    """Its templates know the addresses of hosts that were left out: the same settings, and check mode agrees."""
    before = fleet.running("gw2")
    settings = fleet.hosts.on("gw1", "cat /etc/holdfast/holdfast.yaml")
    newer = Rolling(fleet.hosts, tmp_path, other_wheel(fleet.wheel, tmp_path, "0.1.4"))
    predicted = newer.play("deploy", "--limit", "gw1", "--check", "--diff")
    done = newer.play("deploy", "--limit", "gw1", "--diff")

    assert (predicted.code, done.code) == (0, 0), predicted.text + done.text
    assert predicted.changed == done.changed
    assert {host for host, _, _ in done.changed} == {"gw1"}
    assert list(newer.running("gw1").values()) == ["0.1.4"]
    assert newer.running("gw2") == before
    assert newer.hosts.on("gw1", "cat /etc/holdfast/holdfast.yaml") == settings


def test_drain_empties_one_host_and_lets_it_serve_again(fleet: Rolling) -> None:
    """Only one of several, once; its instance goes on running, and is sent nobody until it serves again."""
    both = fleet.play("drain")
    drained = fleet.play("drain", "--limit", "gw1")
    again = fleet.play("drain", "--limit", "gw1")
    other = fleet.play("drain", "--limit", "gw2")
    serving = fleet.play("drain", "--limit", "gw1", "-e", "gateway_drain_state=serving")

    assert both.code != 0
    assert "Expected --limit with one of several gateways" in both.text
    assert (drained.code, again.code, serving.code) == (0, 0, 0), drained.text + again.text + serving.text
    assert (len(drained.changed), len(again.changed), len(serving.changed)) == (1, 0, 1)
    assert other.code != 0
    assert is_at_rest(fleet)


def with_certificate(fleet: Rolling, folder: Path, authority: Authority) -> dict[str, str]:
    """Return secrets with a new certificate for the load balancer's address."""
    folder.mkdir()
    certificate, key = write_certificate(folder, Contents("lb1", address=fleet.balancer), authority)
    return {**SECRETS, "certificate": certificate.read_text(), "certificate_key": key.read_text()}


def trusting(path: Path) -> ssl.SSLContext:
    """Return who trusts an authority alone."""
    return ssl.create_default_context(cafile=str(path))


def serial(fleet: Rolling, context: ssl.SSLContext) -> str:
    """Return the number of the certificate that a newcomer is shown."""
    plain = socket.create_connection((fleet.balancer, 443), 10)
    with context.wrap_socket(plain, server_hostname=fleet.balancer) as shown:
        return str(shown.getpeercert()["serialNumber"])


def test_tls_at_the_front_door_and_a_certificate_that_is_exchanged(fleet: Rolling, tmp_path: Path) -> None:
    """Check mode agrees, plain HTTP says the way, a message goes by wss; a new certificate cuts nobody."""
    authority = make_authority("the authority of the tests")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    context = trusting(ca)
    first, second = (with_certificate(fleet, tmp_path / name, authority) for name in ("first", "second"))
    only = ("--tags", "load_balancer")
    predicted = fleet.play("deploy", *only, "--check", "--diff", holdfast_secrets=first)
    made = fleet.play("deploy", *only, "--diff", holdfast_secrets=first)
    door = {"holdfast_front_door": f"wss://{fleet.balancer}/connection/websocket", "holdfast_smoke_ca": str(ca)}
    smoke = fleet.play("smoke", holdfast_secrets=first, **door)

    assert (predicted.code, made.code, smoke.code) == (0, 0, 0), predicted.text + made.text + smoke.text
    assert predicted.changed == made.changed
    assert "PRIVATE KEY" not in predicted.text + made.text
    assert redirect(fleet) == (308, f"https://{fleet.balancer}/connection/websocket?a=1")

    before, pids = serial(fleet, context), fleet.hosts.on("lb1", "pidof haproxy")
    plain = socket.create_connection((fleet.balancer, 443), 10)
    with context.wrap_socket(plain, server_hostname=fleet.balancer) as client:
        client.sendall(HANDSHAKE.encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 101")
        mixed = {**second, "certificate_key": first["certificate_key"]}
        refused = fleet.play("deploy", *only, holdfast_secrets=mixed)
        exchanged = fleet.play("deploy", *only, holdfast_secrets=second)
        again = fleet.play("deploy", *only, holdfast_secrets=second)
        client.sendall(b"\x81\x83\0\0\0\0{} ")
        client.settimeout(30)
        assert client.recv(4096)

    assert refused.code != 0
    assert "certificate_key is the key of another certificate" in refused.text
    assert {task for _, task, _ in exchanged.changed} == {"load_balancer : Bring the certificate"}, exchanged.text
    assert not again.changed
    now = serial(fleet, context)
    assert now != before
    assert now in runbook(fleet, "s_client")
    assert fleet.hosts.on("lb1", "pidof haproxy") == pids
    assert fleet.hosts.on("lb1", "stat -c %a%U /etc/haproxy/holdfast.pem").strip() == "600root"


def runbook(fleet: Rolling, word: str) -> str:
    """Return what the command with that word in the runbook of certificates prints."""
    book = next(book for book in RUNBOOKS if book.name == "key-and-certificate-rotation")
    (line,) = [line for line in book.lines(READ_ONLY) if word in line]
    variables = os.environ | {"DEPLOYS": str(fleet.hosts.folder), "BALANCER": "lb1"}
    return subprocess.run(["bash", "-c", line], env=variables, check=True, capture_output=True, text=True).stdout


def redirect(fleet: Rolling) -> tuple[int, str]:
    """Return how plain HTTP is answered."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    opener = urllib.request.build_opener(Stay, urllib.request.ProxyHandler({}))
    try:
        opener.open(f"http://{fleet.balancer}/connection/websocket?a=1", timeout=10)
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Location"]
    raise AssertionError("no redirect")


def test_version_from_an_index_with_a_password(fleet: Rolling, tmp_path: Path) -> None:
    """The locked list, the version and its hash; the password is on no command line, no screen, and no host after."""
    wheel = other_wheel(fleet.wheel, tmp_path, "0.1.5")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    wheels = fleet.hosts.folder / "wheels"
    locked = [path for path in wheels.glob("*.whl") if not path.name.startswith("holdfast-")]
    host = fleet.hosts.inventory()["all"]["vars"]["holdfast_wheels_url"].split("/")[2].split(":")[0]
    with served(host, wheel, *locked) as index:
        given = {
            "gateway_wheel": "", "gateway_version": "0.1.5", "gateway_wheel_sha256": digest,
            "gateway_pip_options": ["--index-url", index.url, "--trusted-host", index.host],
        }  # fmt: skip
        no_list = fleet.play("deploy", **given | {"gateway_requirements": ""})
        wrong = fleet.play("deploy", "-vv", **given | {"gateway_wheel_sha256": "0" * 64})
        fleet.hosts.on("gw1", f"echo {PASSWORD} > /run/word")
        fleet.hosts.on("gw1", WATCH)
        done = fleet.play("deploy", "-vv", "--diff", **given)
        looks = fleet.hosts.on("gw1", "kill $(cat /run/watch); rm /run/word; sort /run/looks | uniq -c").split()
    found = fleet.hosts.on("gw1", f"grep -rl {PASSWORD} /opt/holdfast /etc/holdfast /var/lib/holdfast || true")

    assert no_list.code != 0
    assert "gateway_wheel_sha256 would not be looked at" in no_list.text
    assert wrong.code != 0
    assert "DO NOT MATCH THE HASHES" in wrong.text
    assert done.code == 0, done.text
    assert versions(fleet) == {"gw1": ["0.1.5"], "gw2": ["0.1.5"]}
    assert index.logins == {f"deploy:{PASSWORD}"}
    assert not [run for run in (no_list, wrong, done) if PASSWORD in run.text]
    assert found.strip() == ""
    assert looks[1::2] == ["0"], looks
    assert int(looks[0]) > 20


def by_ipv6(fleet: Rolling, folder: Path) -> Path:
    """Give bridge and hosts addresses of IPv6, and return an inventory that knows them by these."""
    inventory = fleet.hosts.inventory()
    number = fleet.balancer.split(".")[2]
    subprocess.run(["ip", "-6", "address", "replace", "fd77::1/64", "dev", f"hfbr{number}", "nodad"], check=True)
    for group in inventory["all"]["children"].values():
        for name, own in group["hosts"].items():
            address = f"fd77::{own['ansible_host'].rpartition('.')[2]}"
            fleet.hosts.on(name, f"ip -6 address replace {address}/64 dev eth0 nodad")
            shared = inventory["all"]["vars"]["ansible_ssh_common_args"]
            own |= {"ansible_host": address, "holdfast_address": address}
            own["ansible_ssh_common_args"] = f"{shared} -o HostKeyAlias={name}"
    path = folder / "ipv6.json"
    path.write_text(json.dumps(inventory))
    return path


def test_hosts_that_are_known_by_ipv6(fleet: Rolling, tmp_path: Path) -> None:
    """Reached, checked, trusted and tried by these addresses."""
    other = Rolling(fleet.hosts, tmp_path, fleet.wheel, inventory=by_ipv6(fleet, tmp_path))
    # It listens on another address from its next start on.
    first = other.play("deploy", "--tags", "redis")
    other.hosts.on("redis1", "systemctl restart redis-server")
    done = other.play("deploy")
    smoke, slots = other.play("smoke"), other.play("slots", "-v")
    settings = other.hosts.on("gw1", "cat /etc/holdfast/holdfast.yaml")
    balancer = other.hosts.on("lb1", "cat /etc/haproxy/haproxy.cfg")

    assert first.code != 0
    assert "expected Redis on fd77::31:6379" in first.text
    assert (done.code, smoke.code) == (0, 0), done.text + smoke.text
    assert "- fd77::21/128" in settings
    assert "[fd77::31]:6379" in settings
    assert "server gw1-1a [fd77::11]:8000 port 9000" in balancer
    assert "bind [::]:80 v4v6" in balancer
    assert re.search(r"slot 1[ab]=\[fd77::11\]:900[01]", slots.text), slots.text
