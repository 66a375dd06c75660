"""Recovery scripts over a real sshd: an instance that is a unit on another machine, which here is this one."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests import parts
from tests.gateway import ADMIN_TOKEN, SETTINGS, merged

UNIT = "holdfast@1a.service"
PATIENCE_SECONDS = 120.0
# What a session finds in place of systemd and sudo: one unit, whose process it starts, stops and tells apart.
_SUDO = '#!/bin/sh\nshift 2\nexec "$@"\n'
_SYSTEMCTL = """\
#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> calls
alive() { [ -e pid ] && kill -0 "$(cat pid)" 2>/dev/null; }
case "$*" in
  "show --property=LoadState"*) echo loaded ;;
  "show --property=ActiveState"*) if alive; then echo active; else echo inactive; fi ;;
  "show --property=Result"*) echo success ;;
  "show "*) echo "Id=holdfast@1a.service" ;;
  "stop "*) kill -TERM "$(cat pid)" ;;
  "start "*) setsid ./start >> output 2>&1 < /dev/null & ;;
  "reload "*) kill -HUP "$(cat pid)" ;;
  "reset-failed "*) : ;;
  *) echo "unknown $*" >&2; exit 1 ;;
esac
"""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Machine:
    """An sshd of our own, a unit, and the instances file that leads there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.port, self.gateway_port = free_port(), free_port()
        self.keys = folder / "keys.json"
        self.keys.write_text(json.dumps({"keys": []}))
        self.keys.chmod(0o640)
        self._write()
        sshd = parts.system_program("sshd")
        self.sshd = subprocess.Popen([sshd, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL)

    def _write(self) -> None:
        folder = self.folder
        for name in ("host", "client"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True, timeout=60
            )
        shutil.copy(folder / "client.pub", folder / "authorized_keys")
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nStrictModes no\nUsePAM no\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\nPasswordAuthentication no\nPidFile {folder}/sshd.pid\n"
            f"SetEnv PATH={self.bin}:/usr/bin:/bin\n"
        )
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {(folder / 'host.pub').read_text()}")
        (folder / "ssh_config").write_text(
            f"Host gw1\n HostName 127.0.0.1\n Port {self.port}\n User {getpass.getuser()}\n"
            f" IdentityFile {folder}/client\n IdentitiesOnly yes\n UserKnownHostsFile {folder}/known_hosts\n"
        )
        more = {"port": self.gateway_port, "instance": "gw1-1a", "token": {"keys_file": str(self.keys)}}
        (folder / "holdfast.yaml").write_text(yaml.safe_dump(merged(SETTINGS, more)))
        start = f"#!/bin/sh\necho $$ > pid\nexec {sys.executable} -m holdfast serve --config {folder}/holdfast.yaml\n"
        journal = '#!/bin/sh\ncat "$(dirname "$0")/output"\n'
        for name, text in (("sudo", _SUDO), ("systemctl", _SYSTEMCTL), ("start", start), ("journalctl", journal)):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        (folder / "admin-token").write_text(ADMIN_TOKEN)
        record = {"name": "gw1-1a", "url": f"http://127.0.0.1:{self.gateway_port}", "ssh": "gw1", "unit": UNIT}
        record |= {"tunnel": True, "keys_file": str(self.keys)}
        known = {"ssh_config": "ssh_config", "admin_token_file": "admin-token", "instances": [record]}
        (folder / "instances.yaml").write_text(yaml.safe_dump(known))

    def ops(self, name: str, *options: str) -> tuple[int, dict[str, object], str]:
        """Run a script and return its exit code, its JSON and what it noted."""
        command = [sys.executable, "-m", "holdfast", "ops", name, *options, "--instances"]
        command += [str(self.folder / "instances.yaml"), "--audit-log", str(self.folder / "audit"), "--json"]
        env = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")}
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=env, cwd=self.folder)
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr

    def pid(self) -> int:
        """Return the unit's process."""
        return int((self.bin / "pid").read_text())

    def start_unit(self) -> None:
        """Start the unit as systemd does at boot."""
        subprocess.run([self.bin / "systemctl", "start", UNIT], check=True, timeout=60)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if '"started"' in (self.bin / "output").read_text() if (self.bin / "output").exists() else False:
                return
            time.sleep(0.1)
        raise AssertionError((self.bin / "output").read_text())

    def close(self) -> None:
        """End what was started."""
        self.sshd.terminate()
        self.sshd.wait(30)
        try:
            os.kill(self.pid(), 9)
        except (OSError, ValueError):
            pass


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose unit runs."""
    parts.require("sshd")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # what sshd of root insists on
    one = Machine(tmp_path_factory.mktemp("machine"))
    try:
        one.start_unit()
        yield one
    finally:
        one.close()


def test_roll_restarts_the_unit(machine: Machine) -> None:
    """Drained and asked through a tunnel to the loopback over there, stopped and started by systemctl."""
    before = machine.pid()
    options = ("--limit", "100", "--steady", "0", "--stop-timeout", "300", "--ready-timeout", "300")
    code, said, noted = machine.ops("restart-rolling", *options, "--yes", "--reason", "drill")

    assert (code, said.get("restarted")) == (0, ["gw1-1a"]), noted
    assert machine.pid() != before
    assert f"stop --no-block -- {UNIT}" in (machine.bin / "calls").read_text()


def test_keys_are_rotated_in_place(machine: Machine) -> None:
    """The file over there is new, of the same mode, and the instance has read it; no secret is told."""
    code, said, noted = machine.ops("rotate-keys", "2027-01", "--yes", "--reason", "drill")
    (key,) = json.loads(machine.keys.read_text())["keys"]

    assert code == 0, (said, noted)
    assert key["kid"] == "2027-01"
    assert key["secret"] not in json.dumps(said) + noted
    assert machine.keys.stat().st_mode & 0o777 == 0o640
    assert not list(machine.folder.glob("keys.json.*"))


def test_bundle_has_the_units_journal(machine: Machine) -> None:
    """Beside what the instance answers."""
    code, said, noted = machine.ops("collect-diagnostics", "-o", "bundles", "--yes", "--reason", "drill")
    assert code == 0, (said, noted)
    (file,) = dict(said["files"]).values()  # type: ignore[call-overload]  # of JSON
    names = subprocess.run(
        ["tar", "-tzf", machine.folder / file], capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert "/unit.txt" in names
    assert "/output.txt" in names
    assert "/admin/nodes.json" in names


def test_drain_is_ordered_through_the_tunnel(machine: Machine) -> None:
    """And taken back; no tunnel is left behind."""
    for more in ((), ("--back",)):
        options = ("gw1-1a", *more, "--limit", "100", "--yes", "--reason", "drill")
        code, said, noted = machine.ops("drain-instance", *options)
        assert code == 0, (said, noted)
    tunnels = subprocess.run(["pgrep", "-f", f"^ssh -N .*{machine.folder}"], capture_output=True, timeout=60).stdout

    assert not tunnels
