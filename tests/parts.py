"""Real parts that tests need and a machine may lack: what they are, whether they are there, how to get them.

`require(part)` skips the test, or the module, with one line that says both. A run
ends with a list of what was missing, so that a skip cannot pass for a success.
With REQUIRE_PARTS=1 (as `make proof` sets) a missing part fails its tests instead.
"""

from __future__ import annotations

import glob
import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MINIMUM_NODE = 18
NODE_HOW = f"apt-get install nodejs npm (Node {MINIMUM_NODE} or later; elsewhere see https://nodejs.org/en/download)"
SERVER_HOW = "apt-get install {} (`make test` does that as root on Debian and Ubuntu)"
# Servers stand in folders that are not on every user's PATH.
SBIN = ":".join(["/usr/local/sbin", "/usr/sbin", "/sbin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"))])
NAMESPACES_HOW = "run the tests as root where `ip netns add` is allowed (apt-get install iproute2)"
NSPAWN_HOW = "run the tests as root on Debian or Ubuntu (apt-get install systemd-container mmdebstrap openssh-client)"
VM_HOW = (
    "run the tests as root; apt-get install qemu-system-x86 qemu-utils (`make proof` does that on Debian and Ubuntu)"
)
HELM_HOW = "make helm, which fetches Helm 3 and 4 on Linux (elsewhere name the programs in HELM3 and HELM4)"
DOCKER_HOW = (
    "start Docker; or run the tests as root (apt-get install docker.io, which `make test` does on Debian and Ubuntu)"
)
COMPOSE_HOW = "make infra, or the plug-in docker-compose-plugin"
CLUSTER_HOW = "name a cluster in KUBECONFIG, and in CLUSTER_LOAD a command that puts an image archive on its nodes"
POWER = ("CLUSTER_NODE_STOP", "CLUSTER_NODE_START")
POWER_HOW = "name in CLUSTER_NODE_STOP and CLUSTER_NODE_START commands that take and give a node its power"
PYTHON2_HOW = "pyenv install 2.7.18 (see https://github.com/pyenv/pyenv)"


@dataclass(frozen=True)
class Part:
    """Something outside the locked Python packages that a test runs against."""

    name: str
    is_there: Callable[[], bool]
    how: str


def answer(*command: str) -> str | None:
    """Return what a command prints, or None when it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else None


@cache
def python2() -> str | None:
    """Return the path of a Python 2.7 that runs, from PATH or from pyenv."""
    found = [shutil.which("python2.7"), shutil.which("python2")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found += [str(path) for path in sorted(pyenv.glob("2.7.*/bin/python2.7"))]
    for candidate in found:
        if candidate and (answer(candidate, "--version") or "").startswith("Python 2.7"):
            return candidate
    return None


def system_program(name: str) -> str:
    """Return the path of a server program, or its name where it is missing."""
    return shutil.which(name) or shutil.which(name, path=SBIN) or name


@cache
def has_node() -> bool:
    """Tell whether a recent enough Node runs."""
    version = answer("node", "--version")
    return version is not None and int(version.lstrip("v").split(".")[0]) >= MINIMUM_NODE


@cache
def has_namespaces() -> bool:
    """Tell whether network namespaces can be made: as root, with the kernel's leave."""
    name = f"holdfast-{os.getpid()}"
    if os.geteuid() != 0 or answer("ip", "netns", "add", name) is None:
        return False
    return answer("ip", "netns", "delete", name) is not None


@cache
def mini_browser() -> str | None:
    """Return the path of WebKitGTK's test browser, which stands beside the library, whatever its version."""
    found = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    return str(found[-1]) if found else None


@cache
def helm_program(major: int) -> str | None:
    """Return the path of a Helm of that major version: named by HELM3 or HELM4, fetched by `make helm`, or on PATH."""
    named = os.environ.get(f"HELM{major}", "")
    for candidate in (named, str(ROOT / ".cache" / "helm" / f"helm{major}" / "helm"), shutil.which("helm")):
        if candidate and (answer(candidate, "version", "--short") or "").startswith(f"v{major}."):
            return candidate
    return None


def has_hosts() -> bool:
    """Tell whether hosts can be made in namespaces, with programs that are installed."""
    return has_programs("systemd-nspawn", "mmdebstrap", "ssh") and has_namespaces()


def _has_webkit() -> bool:
    return mini_browser() is not None and has_programs("WebKitWebDriver")


def has_programs(*names: str) -> bool:
    """Tell whether each of these programs is installed."""
    return all(os.path.isabs(system_program(name)) for name in names)


def has_variables(*names: str) -> bool:
    """Tell whether each of these variables is set."""
    return all(os.environ.get(name) for name in names)


def hosts_program() -> Path:
    """Return the program that makes test hosts: this checkout's, or another one's whose hosts are to be used."""
    return Path(os.environ.get("TEST_HOSTS_PROGRAM", ROOT / "scripts" / "test_hosts.py"))


def _has_docker() -> bool:
    from tests.image import engine, scraps

    return engine.is_here() and scraps.can_be_made()


def _has_compose() -> bool:
    beside = Path(sys.executable).with_name("docker-compose")
    return beside.is_file() or answer("docker", "compose", "version") is not None


def _has_vm() -> bool:
    programs = has_programs("qemu-system-x86_64", "qemu-img", "mkfs.ext4")
    return programs and platform.machine() == "x86_64" and find_part("nspawn").is_there()


def find_part(name: str) -> Part:
    """Return the part of that name; `npm:FOLDER` stands for that folder's npm packages.

    Raises:
        KeyError: there is no such part.
    """
    if name.startswith("npm:"):
        folder = name.removeprefix("npm:")
        stamp = ROOT / folder / "node_modules" / ".holdfast-stamp"
        how = f"make node, which runs `npm ci` in {folder}"
        return Part(name, lambda: has_node() and stamp.is_file(), how if has_node() else NODE_HOW)
    return {
        "node": Part("node", has_node, NODE_HOW),
        "nginx": _server("nginx", "nginx-light"),
        "haproxy": _server("haproxy", "haproxy"),
        "sshd": Part("sshd", lambda: has_programs("sshd", "ssh"), SERVER_HOW.format("openssh-server openssh-client")),
        "redis": Part(
            "redis",
            lambda: has_programs("redis-server", "redis-cli"),
            SERVER_HOW.format("redis-server redis-tools"),
        ),
        "postgresql": Part(
            "postgresql",
            lambda: answer(system_program("initdb"), "--version") is not None,
            SERVER_HOW.format("postgresql"),
        ),
        "chromium": _browser("chromium", lambda: has_programs("chromium", "chromedriver"), "chromium chromium-driver"),
        "firefox": _browser("firefox", lambda: has_programs("firefox-esr"), "firefox-esr"),
        "webkit": _browser("webkit", _has_webkit, "webkit2gtk-driver libwebkit2gtk-4.1-0"),
        "xvfb": _browser("xvfb", lambda: has_programs("Xvfb"), "xvfb xauth"),
        "docker": Part("docker", _has_docker, DOCKER_HOW),
        "compose": Part("compose", _has_compose, COMPOSE_HOW),
        "hadolint": Part("hadolint", lambda: Path(sys.executable).with_name("hadolint").is_file(), "make infra"),
        "ansible": Part("ansible", lambda: Path(sys.executable).with_name("ansible-playbook").is_file(), "make infra"),
        "test hosts": Part("test hosts", lambda: hosts_program().is_file() and has_namespaces(), NAMESPACES_HOW),
        "helm3": Part("helm3", lambda: helm_program(3) is not None, HELM_HOW),
        "helm4": Part("helm4", lambda: helm_program(4) is not None, HELM_HOW),
        "vm": Part("vm", _has_vm, VM_HOW),
        "netns": Part("netns", has_namespaces, NAMESPACES_HOW),
        "nspawn": Part("nspawn", has_hosts, NSPAWN_HOW),
        "promtool": Part("promtool", lambda: has_programs("promtool"), SERVER_HOW.format("prometheus")),
        "cluster": Part("cluster", lambda: has_variables("KUBECONFIG", "CLUSTER_LOAD"), CLUSTER_HOW),
        "cluster power": Part("cluster power", lambda: has_variables(*POWER), POWER_HOW),
        "python2.7": Part("python2.7", lambda: python2() is not None, PYTHON2_HOW),
    }[name]


def _server(name: str, package: str) -> Part:
    return Part(name, lambda: answer(system_program(name), "-v") is not None, SERVER_HOW.format(package))


def _browser(name: str, is_there: Callable[[], bool], packages: str) -> Part:
    return Part(name, is_there, SERVER_HOW.format(packages))


MISSING: Counter[tuple[str, str]] = Counter()


def require(name: str) -> None:
    """Go on only when the part is there; else skip (or fail) and say how to get it."""
    part = find_part(name)
    if part.is_there():
        return
    MISSING[part.name, part.how] += 1
    reason = f"real part missing: {part.name}; install it with: {part.how}"
    if os.environ.get("REQUIRE_PARTS") == "1":
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End the run with what was missing."""
    if not MISSING:
        return
    terminalreporter.section("NOT TESTED: real parts are missing", red=True, bold=True)
    for (name, how), times in sorted(MISSING.items()):
        terminalreporter.line(f"{name}: {times} test(s) or module(s) skipped. Install it with: {how}")
