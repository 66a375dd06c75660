"""ENV=local: hosts of this machine, a wheel of this checkout, and secrets that are made once."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

from .problems import DeployError, Exit
from .target import ROOT, Target

PROGRAM = ROOT / "scripts" / "test_hosts.py"
NAMES = ("token_hmac_secret", "api_key", "admin_token", "redis_password", "redis_admin_password")
# The root file system is built once, which takes minutes on a slow network.
UP_SECONDS = 1800.0


def hosts_up(target: Target) -> None:
    """Let the hosts run, with the wheels of this checkout beside them.

    Raises:
        DeployError: they cannot run here.
    """
    command = [sys.executable, str(PROGRAM), "up", "--set", target.set_name]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=UP_SECONDS, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["the program of the test hosts said nothing"]
        raise DeployError(
            lines[0], Exit.UNKNOWN, evidence=lines[1:][-10:],
            following="make deploy ENV=staging INVENTORY=... with hosts of your own",
        )  # fmt: skip


def prepare(target: Target) -> None:
    """Write what the playbooks are given: wheel, list of packages, secrets.

    Raises:
        DeployError: there is no wheel.
    """
    wheels = target.hosts_folder / "wheels"
    found = sorted(wheels.glob("holdfast-*.whl"))
    if not found:
        raise DeployError(f"no wheel of the gateway in {wheels}", Exit.UNKNOWN, following=target.command("deploy"))
    path = target.folder / "secrets.json"
    kept = made_secrets(_read(path))
    write_private(path, kept)
    variables = {
        "holdfast_secrets": kept,
        "gateway_wheel": str(found[-1]),
        "gateway_requirements": str(wheels / "runtime.txt"),
        # Hosts that share two cores: long enough to see a fault, short enough to try things.
        "gateway_steady_seconds": 5,
        "load_balancer_slowstart": 2,
    }
    assert target.variables is not None  # noqa: S101 - only called for hosts that are made here
    write_private(target.variables, variables)


def made_secrets(known: dict[str, str]) -> dict[str, str]:
    """Return the secrets that are there, and new ones for those that are not."""
    return {name: known.get(name) or secrets.token_hex(32) for name in NAMES}


def write_private(path: Path, content: object) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        json.dump(content, file, indent=2)
    new.replace(path)


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
