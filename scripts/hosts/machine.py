"""Whether this machine can have test hosts; where it cannot, one sentence that says what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

import system_packages

from . import cgroups
from .shell import HostsError, succeeds

PROGRAMS = ("ip", "systemd-nspawn", "mmdebstrap", "ssh")
VM_PROGRAMS = ("qemu-system-x86_64", "qemu-img", "mkfs.ext4")
FILESYSTEMS = Path("/proc/filesystems")
ELSEWHERE = "Elsewhere name hosts of your own in an inventory."


def check(*, with_vm: bool = False) -> None:
    """Go on only where hosts can be made, after having installed the programs for it where that needs no asking.

    Raises:
        HostsError: they cannot be made here.
    """
    if sys.platform != "linux":
        raise HostsError(f"Test hosts need Linux, this is {platform.system()}. {ELSEWHERE}")
    if os.geteuid() != 0:
        raise HostsError(f"Test hosts need root, for network namespaces and mounts: run this with sudo. {ELSEWHERE}")
    if with_vm and platform.machine() != "x86_64":
        raise HostsError(f"The virtual machine needs a processor of x86_64, this is {platform.machine()}. {ELSEWHERE}")
    programs = [*PROGRAMS, *(VM_PROGRAMS if with_vm else ())]
    missing = system_packages.ensure(programs)
    if missing:
        packages = " ".join(package for program in missing for package in system_packages.PACKAGES[program])
        raise HostsError(
            f"Test hosts need {', '.join(missing)}. On Debian and Ubuntu: apt-get install {packages}. {ELSEWHERE}"
        )
    if not shutil.which("unshare") or not succeeds("unshare", "--mount", "--net", "true"):
        raise HostsError(f"Test hosts need mount and network namespaces, which this machine forbids. {ELSEWHERE}")
    if not cgroups.hierarchies() or not os.access(cgroups.hierarchies()[0], os.W_OK):
        raise HostsError(f"Test hosts need control groups that can be written, below {cgroups.MOUNT}. {ELSEWHERE}")
    if "overlay" not in FILESYSTEMS.read_text().split():
        raise HostsError(f"Test hosts need overlay mounts, which need `modprobe overlay`. {ELSEWHERE}")
