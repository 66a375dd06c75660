"""The root file system that all test hosts share read-only: Debian 12, built once and kept by what it is built from.

`mmdebstrap` takes one to two minutes for it, most of it the download of 130 MB.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .shell import HostsError, run

SUITE = "bookworm"
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "udev", "kmod", "procps", "iproute2", "nftables", "iptables", "ca-certificates",
    "openssh-server", "sudo", "acl", "python3", "python3-venv", "python3-apt",
    "haproxy", "redis-server", "redis-sentinel", "prometheus-node-exporter",
)  # fmt: skip
USER = "deploy"
USER_ID = 1000
# The roles start what a host is for; nothing of it may run because its package happens to be there.
IDLE = ("haproxy", "redis-server", "redis-sentinel", "prometheus-node-exporter", "nftables")
# What needs a network, hardware or a console of its own, and would leave the host `degraded`.
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "e2scrub_reap.service", "console-getty.service",
    "systemd-networkd-wait-online.service", "systemd-binfmt.service",
)  # fmt: skip
# Run by a shell outside the new root file system, which is its first argument.
CUSTOMIZE = f"""set -e
chroot "$1" useradd --uid {USER_ID} --create-home --shell /bin/bash {USER}
echo '{USER} ALL=(ALL) NOPASSWD: ALL' >"$1/etc/sudoers.d/90-{USER}"
chmod 0440 "$1/etc/sudoers.d/90-{USER}"
chroot "$1" systemctl --quiet disable {" ".join(IDLE)}
chroot "$1" systemctl --quiet mask {" ".join(MASKED)}
rm -f "$1"/etc/ssh/ssh_host_*
mkdir -p "$1/var/log/journal"
rm -f "$1/etc/resolv.conf"
: >"$1/etc/resolv.conf"
rm -f "$1/usr/sbin/policy-rc.d"
"""
BUILD_SECONDS = 1200.0
SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
DEFAULT_MIRROR = "http://deb.debian.org/debian"


def key(packages: Sequence[str] = PACKAGES, *more: str) -> str:
    """Return the short name of what the root file system is made of, and of what else is done with it."""
    recipe = "\n".join([SUITE, *sorted(packages), CUSTOMIZE, *more])
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def mirror(sources: tuple[Path, ...] = SOURCES) -> str:
    """Return the archive that this machine's own packages come from, where it runs Debian; else the usual one."""
    for path in sources:
        text = path.read_text() if path.is_file() else ""
        found = re.search(r"^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(https?://\S+/debian/?)(?=\s)", text, re.MULTILINE)
        if found:
            return found.group(1)
    return DEFAULT_MIRROR


def ensure(cache: Path, say: Callable[[str], None]) -> Path:
    """Return the folder of the root file system, after having built it where it is missing.

    Raises:
        HostsError: it could not be built.
    """
    folder = cache / f"base-{key()}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "base.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _build(folder, say)
    return folder


def _build(folder: Path, say: Callable[[str], None]) -> None:
    say("Building the hosts' root file system, once for this list of packages: one to two minutes ...")
    started = time.monotonic()
    unfinished = folder.with_suffix(".unfinished")
    make(unfinished, PACKAGES, CUSTOMIZE)
    unfinished.rename(folder)
    say(f"The root file system is ready after {time.monotonic() - started:.0f} s.")


def make(folder: Path, packages: Sequence[str], customize: str) -> None:
    """Install packages into a new folder, instead of what may be there.

    Raises:
        HostsError: they could not be; the folder is gone.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        run(
            "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(packages)}",
            '--aptopt=Acquire::Languages "none"', f"--customize-hook={customize}", SUITE, folder, mirror(),
            timeout=BUILD_SECONDS,
        )  # fmt: skip
    except HostsError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise HostsError(f"The hosts' root file system could not be built from {mirror()}: {error}") from error
