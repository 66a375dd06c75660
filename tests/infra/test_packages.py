"""Packages on a real host whose lists are gone: they are fetched when something is missing, and only then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.playbooks import ANSIBLE, ROOT, Hosts
from tests.parts import require

# An archive of one package on the host itself, beside Debian's, which a test host does not reach.
ARCHIVE = """
set -e
mkdir -p /srv/archive/probe/DEBIAN && cd /srv/archive
printf 'Package: holdfast-probe\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: nobody\\n' >control
printf 'Description: probe\\n' >>control
cp control probe/DEBIAN/control
dpkg-deb --build probe holdfast-probe.deb
printf 'Filename: ./holdfast-probe.deb\\nSize: %s\\n' "$(stat -c %s holdfast-probe.deb)" >>control
printf 'SHA256: %s\\n' "$(sha256sum holdfast-probe.deb | cut -d' ' -f1)" >>control
mv control Packages
echo 'deb [trusted=yes] file:/srv/archive ./' >/etc/apt/sources.list.d/probe.list
"""
NO_LISTS = "rm -rf /var/lib/apt/lists/*"
HOLD = (
    "apt-get -qq -y remove holdfast-probe >/dev/null; systemd-run --quiet --unit=holder python3 -c "
    '"import fcntl, time; file = open(\\"/var/lib/dpkg/lock-frontend\\", \\"w\\");'
    ' fcntl.lockf(file, fcntl.LOCK_EX); time.sleep(600)"; sleep 1'
)

pytestmark = [pytest.mark.proof, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def host() -> Iterator[Hosts]:
    """One host with that archive."""
    require("nspawn")
    require("ansible")
    hosts = Hosts("packages")
    hosts.manage("down")
    hosts.manage("up", "lb1")
    try:
        on(hosts, ARCHIVE)
        yield hosts
    finally:
        hosts.manage("down")


def on(hosts: Hosts, script: str) -> None:
    """Run a script as root."""
    words = ["ssh", "-F", hosts.folder / "ssh_config", "lb1", "sudo", "sh", "-s"]
    subprocess.run(words, input=script, check=True, capture_output=True, text=True, timeout=120)


def packages(hosts: Hosts, *options: str, **given: object) -> tuple[int, str]:
    """Let the module work on the host; return its code and what it said."""
    words = [
        Path(sys.executable).with_name("ansible"), "-i", hosts.folder / "inventory.json", "lb1", "-b",
        "-m", "holdfast.gateway.packages", "-a", json.dumps(given), *options,
    ]  # fmt: skip
    environment = os.environ | {"ANSIBLE_HOME": str(ROOT / ".cache" / "ansible"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        words, cwd=ANSIBLE, env=environment, capture_output=True, text=True, timeout=300, check=False
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_missing_package_is_predicted_and_installed_without_lists(host: Hosts) -> None:
    """Check mode says so with no list at all; then they are fetched, though one of two archives is not reached."""
    on(host, NO_LISTS)
    predicted = packages(host, "--check", names=["holdfast-probe"])
    made = packages(host, names=["holdfast-probe"])

    assert (predicted[0], made[0]) == (0, 0), predicted[1] + made[1]
    assert '"changed": true' in predicted[1]
    assert '"changed": true' in made[1]
    assert "apt's lists could not be fetched" in made[1]


def test_installed_packages_need_no_lists(host: Hosts) -> None:
    """A host without a way out: nothing is asked, nothing changes."""
    on(host, NO_LISTS)
    code, said = packages(host, names=["holdfast-probe", "haproxy"])

    assert code == 0, said
    assert '"changed": false' in said
    assert "could not be fetched" not in said


def test_unknown_package_and_locked_apt_are_named(host: Hosts) -> None:
    """With the package, what apt says, and what to do."""
    unknown = packages(host, names=["no-such-package"])
    on(host, HOLD)
    locked = packages(host, names=["holdfast-probe"], lock_timeout=2)

    assert (unknown[0], locked[0]) == (2, 2)
    assert "no-such-package: apt cannot install what is missing" in unknown[1]
    assert "holdfast-probe: apt is locked by another program" in locked[1]
