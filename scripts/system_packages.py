"""Install the programs named as arguments, which tests run beside the gateway, where that needs no asking.

That is as root on Debian or Ubuntu, unless INSTALL_PARTS=no. Elsewhere, and where
apt-get reaches no archive, this says what is missing and exits 0: the tests that
need it then skip and name the part. What is installed stays installed, but no
service of it is left running, nor started at the next boot.
"""

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = {
    "npm": ["nodejs", "npm"],
    "nginx": ["nginx-light"],
    "haproxy": ["haproxy"],
    "ip": ["iproute2"],
    "sshd": ["openssh-server", "openssh-client"],
    "initdb": ["postgresql"],
    "redis-server": ["redis-server", "redis-tools"],
    "chromedriver": ["chromium", "chromium-driver"],
    "firefox-esr": ["firefox-esr"],
    "WebKitWebDriver": ["webkit2gtk-driver", "libwebkit2gtk-4.1-0"],
    "Xvfb": ["xvfb", "xauth"],
    "systemd-nspawn": ["systemd-container"],
    "mmdebstrap": ["mmdebstrap"],
    "ssh": ["openssh-client"],
    "dockerd": ["docker.io"],
    "qemu-system-x86_64": ["qemu-system-x86"],
    "qemu-img": ["qemu-utils"],
    "mkfs.ext4": ["e2fsprogs"],
    "promtool": ["prometheus"],
    # What a test cluster runs on.
    "containerd": ["containerd"],
    "runc": ["runc"],
    "host-local": ["containernetworking-plugins"],
    "iptables": ["iptables"],
    "nft": ["nftables"],
    "conntrack": ["conntrack"],
    "ipset": ["ipset"],
    "ethtool": ["ethtool"],
    "socat": ["socat"],
    "openssl": ["openssl"],
    "xz": ["xz-utils"],
}
# Services that are not called like their program.
SERVICES = {
    "initdb": "postgresql",
    "sshd": "ssh",
    "promtool": "prometheus",
    "dockerd": "docker.socket docker.service",
}
APT_GET = ["apt-get", "--quiet", "--yes", "--no-install-recommends"]
# Servers stand in folders that are not on every user's PATH.
SBIN = ":".join(
    ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/cni", *sorted(glob.glob("/usr/lib/postgresql/*/bin"))]
)
# Packages ask this program whether they may start their service; 101 is no (Debian Policy, invoke-rc.d).
POLICY = Path("/usr/sbin/policy-rc.d")
SYSTEMD = Path("/run/systemd/system")


def find(program: str) -> str | None:
    """Return the path of a program, None when it is missing."""
    return shutil.which(program) or shutil.which(program, path=SBIN)


def may_install() -> bool:
    """Tell whether system packages can be installed without asking anybody."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None and os.environ.get("INSTALL_PARTS") != "no"


@contextmanager
def no_services(programs: list[str]) -> Iterator[None]:
    """Let packages be installed without their services being started, now or at the next boot."""
    is_ours = not POLICY.exists()
    if is_ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if is_ours:
            POLICY.unlink(missing_ok=True)
        if SYSTEMD.is_dir():
            # One by one: a program without a service would end the command before its turn came to the others.
            for program in programs:
                command = ["systemctl", "disable", "--now", *SERVICES.get(program, program).split()]
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def ensure(programs: list[str]) -> list[str]:
    """Install what is missing where that is allowed, and return what is missing still."""
    missing = [program for program in programs if find(program) is None]
    if missing and may_install():
        packages = [package for program in missing for package in PACKAGES[program]]
        print(f"Installing {', '.join(packages)} with apt-get (INSTALL_PARTS=no leaves them out) ...", flush=True)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        with no_services(missing):
            for step in (["update"], ["install", *packages]):
                subprocess.run([*APT_GET, *step], env=environment, stdout=subprocess.DEVNULL, check=False)
        missing = [program for program in missing if find(program) is None]
    return missing


def main(programs: list[str]) -> int:
    """Install each program and say which ones the tests will have to do without."""
    missing = ensure(programs)
    if missing:
        print(f"Missing, so the tests that need them are skipped: {', '.join(missing)}.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
