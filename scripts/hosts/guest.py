"""One host: its files, and the process that boots it, and boots it again whenever it asks for that.

The host's root is an overlay that is mounted only for its own processes: it goes with them, however they end.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import uuid
from pathlib import Path

from . import cgroups, network
from .model import Host, HostSet
from .rootfs import USER_ID

# What systemd-nspawn ends with when the host wants to boot again.
REBOOT = 133
LOG_TAIL_LINES = 12


def prepare(hosts: HostSet, host: Host, public_key: str) -> None:
    """Write what makes a host itself: its name, its neighbours, its identity and who may log in."""
    shutil.rmtree(host.folder, ignore_errors=True)
    upper = host.folder / "upper"
    for folder in (upper, host.folder / "work", host.folder / "root"):
        folder.mkdir(parents=True)
    etc = upper / "etc"
    etc.mkdir()
    (etc / "hostname").write_text(f"{host.name}\n")
    names = [f"{other.address} {other.name}\n" for other in hosts.every() if other != host]
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {host.name}\n{hosts.gateway} bridge\n{''.join(names)}")
    (etc / "machine-id").write_text(f"{uuid.uuid4().hex}\n")
    shutil.copytree(host_keys(hosts, host), etc / "ssh")
    keys = upper / "home" / "deploy" / ".ssh"
    keys.mkdir(parents=True)
    (keys / "authorized_keys").write_text(public_key)
    for path in (keys.parent, keys, keys / "authorized_keys"):
        os.chown(path, USER_ID, USER_ID)
    keys.chmod(0o700)


def host_keys(hosts: HostSet, host: Host) -> Path:
    """Return the folder with a host's own keys, which stay for as long as the set is there."""
    return hosts.folder / "host-keys" / host.name


def group_of(host: Host) -> str:
    """Name the control group of a host and of the process that boots it."""
    return f"hf{host.number}/{host.name}"


def boot_command(base: Path, host: Host) -> list[str]:
    """Return the command that runs the host until it ends, in a control group and a mount namespace of its own."""
    upper, work, root = (host.folder / name for name in ("upper", "work", "root"))
    nspawn = [
        "systemd-nspawn", "--quiet", "--boot", "--console=pipe", "--register=no", "--keep-unit", "--link-journal=no",
        "--resolv-conf=off", "--timezone=off", f"--network-namespace-path=/run/netns/{host.link}",
        # A namespace that was there before comes without the right to change it.
        "--capability=CAP_NET_ADMIN,CAP_NET_RAW", f"--directory={root}",
        # Of the machine's name it makes a folder in /run, which two sets must not share: the first to end removes it.
        f"--machine={host.link}", f"--hostname={host.name}",
    ]  # fmt: skip
    overlay = f"lowerdir={_escaped(base)},upperdir={_escaped(upper)},workdir={_escaped(work)}"
    script = (
        cgroups.join_script(f"{group_of(host)}/guest")
        + f"mount -t overlay -o {shlex.quote(overlay)} {host.link} {shlex.quote(str(root))} || exit 1\n"
        + f"exec {shlex.join(nspawn)}\n"
    )
    return ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script]


def _escaped(path: Path) -> str:
    """Return a path as an option of mount: a comma and a colon would end it."""
    return str(path).replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def run_until_end(base: Path, host: Host) -> int:
    """Boot a host, again whenever it asks for it, until it is powered off or killed; return how it ended."""
    # Of /proc/sys a host may write what belongs to its network namespace; the rest is the whole machine's.
    environment = {"PATH": os.environ["PATH"], "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
    code = REBOOT
    with host.log.open("ab") as log:
        while code == REBOOT:
            network.connect(host)
            code = subprocess.call(
                boot_command(base, host), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
    network.disconnect(host)
    return code


def last_words(host: Host) -> str:
    """Return the end of what the console said."""
    if not host.log.is_file():
        return "(the console said nothing)"
    return "\n".join(host.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
