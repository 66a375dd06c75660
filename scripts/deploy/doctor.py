"""`make doctor`: gather what has to be looked at before hosts are touched, and say what to do about each fault."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib import metadata

import system_packages
from hosts import machine
from hosts.shell import HostsError

from . import checks, inventory
from .checks import Finding
from .inventory import Inventory
from .playbooks import BIN, Runner
from .problems import Exit
from .target import ANSIBLE, Target

INSTALL = "run `make infra`"


def examine(runner: Runner) -> list[Finding]:
    """Return all findings: of this machine, the inventory, the profile, and every host.

    Raises:
        DeployError: the inventory cannot be read, or is the example.
    """
    target = runner.target
    findings = tools()
    if target.makes_hosts:
        if fault := can_make_hosts():
            return [*findings, fault]
        if not target.inventories[-1].is_file():
            return [*findings, Finding("hosts", f"none yet; `{target.command('deploy')}` makes them")]
    if checks.code_of(findings):
        return findings
    found = inventory.read(target)
    findings.append(Finding("inventory", f"{len(found.hosts)} hosts: {', '.join(found.hosts)}"))
    findings += [profile(name) for name in found.profiles]
    findings += checks.of_redis(found.groups.get("redis", []))
    if checks.code_of(findings):
        return findings
    return findings + of_hosts(runner, found)


def tools() -> list[Finding]:
    """Judge what this machine needs; what can be installed is."""
    system_packages.ensure(["ssh"])
    versions = {"ansible-core": _version("ansible-core"), "pytest-testinfra": _version("pytest-testinfra")}
    ssh = shutil.which("ssh")
    said = subprocess.run([ssh, "-V"], capture_output=True, text=True, check=False).stderr if ssh else ""
    return checks.of_tools([
        ("python", platform.python_version(), ""),
        *((name, version, INSTALL) for name, version in versions.items()),
        ("ssh", said.split(",")[0].strip() or ("there" if ssh else ""), "apt-get install openssh-client"),
    ])  # fmt: skip


def can_make_hosts() -> Finding | None:
    """Return why test hosts cannot be made here, in the sentence of their program."""
    try:
        machine.check()
    except HostsError as error:
        return Finding("test hosts", str(error), "or: make deploy ENV=staging INVENTORY=...", code=Exit.UNKNOWN)
    return None


def profile(name: str) -> Finding:
    """Judge a profile by `holdfast profile lint`."""
    if not name:
        return Finding("profile", "no host names one", "set holdfast_profile in group_vars/all.yml", code=Exit.USAGE)
    done = subprocess.run(
        [BIN / "holdfast", "profile", "lint", name],
        cwd=ANSIBLE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        said = " / ".join(line.strip() for line in lines[:6])
        return Finding(
            "profile", f"{name}: {said}", "correct it; `holdfast profile lint` judges it again", code=Exit.USAGE
        )
    return Finding("profile", f"{name} is sound")


def of_hosts(runner: Runner, found: Inventory) -> list[Finding]:
    """Log in to every host, and judge what it says, beside what the inventory gives."""
    play = runner.play("doctor", quiet=True)
    findings = []
    for event in play.events:
        if event.kind != "result" or event.state.startswith("item"):
            continue
        if event.task == "Log in":
            findings += checks.of_login(event, _ssh(runner.target, found, event.host), _oldest(found, event.host))
        elif event.task == "Become root":
            findings += checks.of_root(event)
        elif event.state != "skipped":
            findings.append(checks.of_given(event))
    order = {host: place for place, host in enumerate(found.hosts)}
    findings.sort(key=lambda one: order.get(one.host, -1))
    seen = {finding.host for finding in findings}
    said = play.log.read_text(errors="replace").strip().splitlines()[-3:]
    missing = [host for host in found.hosts if host not in seen]
    return findings + [
        Finding("SSH", f"Ansible said nothing of it: {' '.join(said)}", f"see {play.log}", host, Exit.UNKNOWN)
        for host in missing
    ]


def _oldest(found: Inventory, host: str) -> tuple[int, int]:
    """Return the Python that a host has to have; a gateway that is given another interpreter runs on that one."""
    takes_own = host in found.groups.get("gateways", []) and not found.variables.get(host, {}).get("gateway_python")
    return checks.OLDEST_OF_GATEWAYS if takes_own else checks.OLDEST_PYTHON


def _ssh(target: Target, found: Inventory, host: str) -> str:
    user = found.variables.get(host, {}).get("ansible_user")
    config = f"-F {target.hosts_folder / 'ssh_config'} " if target.makes_hosts else ""
    return f"ssh {config}{f'{user}@' if user else ''}{found.address(host)} true"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
