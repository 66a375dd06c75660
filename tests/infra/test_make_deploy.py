"""`make deploy` as a new user types it: from nothing to a fleet that is verified, and what it says where it cannot."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from tests.contract.source import ROOT
from tests.infra.deployment import Deployment

pytestmark = [pytest.mark.timeout(1200), pytest.mark.slow]
# A second fleet from nothing: too long for every run, whose roll-out tests use the same playbooks.
in_full = pytest.mark.proof

STAGES = ["hosts", "doctor", "plan", "tune", "roll", "verify", "smoke"]
LOCK = """
import fcntl, time
file = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(file, fcntl.LOCK_EX)
time.sleep(300)
"""
WRITTEN = "find /etc/holdfast /etc/sysctl.d /etc/haproxy /etc/redis -type f -exec sha256sum {} + 2>/dev/null | sort"


@in_full
def test_deploy_from_nothing_ends_with_a_verified_fleet(deployed: Deployment) -> None:
    """Every stage well and timed, no drift, a message through the front door, the way back."""
    done = deployed.first
    assert done is not None

    assert done.returncode == 0, done.stdout
    rows = [line.split() for line in done.stdout.partition("Times:")[2].splitlines() if line.strip()]
    assert [(row[0], row[3]) for row in rows if len(row) == 4][: len(STAGES)] == [(name, "ok") for name in STAGES]
    assert f"Back: make rollback ENV=local SET={deployed.name}" in done.stdout


@in_full
def test_deploy_leaves_secrets_to_its_user_alone(deployed: Deployment) -> None:
    """Logs, secrets and the file for the recovery scripts; and no secret in what was printed or logged."""
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in deployed.folder.iterdir()}
    secrets = json.loads((deployed.folder / "secrets.json").read_text()).values()
    texts = [path.read_text() for path in deployed.folder.glob("*") if path.suffix in (".log", ".diff", ".xml")]
    assert deployed.first is not None

    assert {name for name, mode in modes.items() if mode} == set()
    assert not [secret for secret in secrets for text in [*texts, deployed.first.stdout] if secret in text]


@in_full
def test_verify_names_a_drift_its_file_and_the_fix(deployed: Deployment) -> None:
    """The exit code of the program says that something was found."""
    file = "/etc/sysctl.d/99-mine.conf"
    deployed.on("gw2", f"echo net.core.somaxconn = 99 >{file} && sysctl -q -p {file}")
    try:
        done = deployed.line(f"{sys.executable} scripts/deploy.py verify --set {deployed.name}")
        planned = deployed.make("plan")
    finally:
        deployed.on("gw2", f"rm {file}; sysctl -q -w net.core.somaxconn=4096")
    again = deployed.make("verify")

    assert done.returncode == 1
    told = done.stdout.partition("DRIFT")[2]
    assert "gw2 hf-accept-001 net.core.somaxconn" in told
    assert "expected at least 4096, saw 99" in told
    assert f"{file} line 1" in told
    assert "fix: " in told
    assert planned.returncode != 0
    assert file in planned.stdout
    assert again.returncode == 0, again.stdout


@in_full
def test_recovery_scripts_find_the_fleet(deployed: Deployment) -> None:
    """By the file that a deploy leaves, over SSH."""
    file = deployed.folder / "instances.yaml"
    done = deployed.line(f"{sys.executable} scripts/restart_rolling.py --instances {file}")

    assert done.returncode == 0, done.stdout
    assert "gw1-1a" in done.stdout
    assert "gw2-1a" in done.stdout


@in_full
def test_bad_input_is_named_and_nothing_is_touched(deployed: Deployment, tmp_path: Path) -> None:
    """A host that is not there, a user without sudo, a secret of an example, a busy apt: all by one run."""
    before = {host: deployed.on(host, WRITTEN) for host in ("gw1", "lb1")}
    deployed.on("lb1", "useradd -m plain && cp -r ~deploy/.ssh ~plain/ && chown -R plain ~plain/.ssh")
    deployed.on("gw1", f"systemd-run -q --unit=busy-apt python3 -c '{LOCK}'")
    hosts = {"gw2": {"ansible_host": "10.77.250.250"}, "lb1": {"ansible_user": "plain"}}
    secrets = json.loads((deployed.folder / "secrets.json").read_text()) | {"api_key": "changemechangeme"}
    own = deployed.inventory(tmp_path / "own.json", hosts, holdfast_secrets=secrets | {"admin_token": "secret"})
    try:
        done = deployed.line(f"make deploy INVENTORY={own} CONFIRM=staging", ENV="staging")
    finally:
        deployed.on("gw1", "systemctl stop busy-apt")
        deployed.on("lb1", "pkill -u plain || true; userdel -r plain 2>/dev/null || true")

    assert done.returncode == 2
    for words in (
        "FAIL gw2: SSH",
        "FAIL lb1: sudo",
        "FAIL gw1: apt: is locked by python3",
        "FAIL secrets: admin_token",
    ):
        assert words in done.stdout, done.stdout
    assert "nothing was changed" in done.stdout
    assert "==> tune" not in done.stdout
    assert before == {host: deployed.on(host, WRITTEN) for host in before}


@in_full
def test_profile_that_contradicts_itself_is_named(deployed: Deployment, tmp_path: Path) -> None:
    """Before any host is logged in to."""
    profile = tmp_path / "mine.yaml"
    profile.write_text("extends: local\nname: mine\ndescription: mine\nintents:\n  connections_per_instance: 900000\n")
    own = deployed.inventory(tmp_path / "own.json", {}, holdfast_profile=str(profile))
    done = deployed.line(f"{sys.executable} scripts/deploy.py deploy --environment staging --inventory {own}")

    assert done.returncode == 3, done.stdout
    assert f"FAIL profile: {profile}" in done.stdout
    assert "nothing was changed" in done.stdout


def test_shipped_example_is_refused() -> None:
    """Whoever types ENV=production first is told where to put hosts."""
    deployment = Deployment("none")
    done = deployment.line(f"{ROOT}/.venv/bin/python scripts/deploy.py deploy --environment production")

    assert done.returncode == 3
    assert "shipped example hosts: gw1.example.net" in done.stdout
