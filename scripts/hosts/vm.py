"""A virtual machine of a set: its own disk on the shared image, its identity, and the process that runs it.

Its kernel, its reboots and its limits are its own. It is emulated, some ten times slower than this machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from . import cgroups, guest, network, vm_image
from .model import Host, HostSet
from .shell import HostsError, run

COPY_SECONDS = 120.0
# Enough for whoever has to wait for the emulation while this machine does something else.
READY_SECONDS = 400.0
NETWORK = """[Match]
Type=ether
[Link]
MACAddress={mac}
[Network]
Address={address}/24
LinkLocalAddressing=no
IPv6AcceptRA=no
"""


def prepare(image: Path, hosts: HostSet, host: Host, public_key: str) -> None:
    """Give a machine a copy of the frozen disk, and a small one with what makes it itself.

    Raises:
        HostsError: there is no room.
    """
    guest.prepare(hosts, host, public_key)
    upper, disk = host.folder / "upper", _parts(host).disk
    (upper / "etc/systemd/network").mkdir(parents=True)
    (upper / "etc/systemd/network/10-host.network").write_text(NETWORK.format(mac=host.mac, address=host.address))
    _pack(upper, _parts(host).identity)
    shutil.rmtree(upper)
    run("cp", "--sparse=always", image / "frozen.qcow2", disk, timeout=COPY_SECONDS)
    # Unsafe for who changes what is below; here the same file has only another name.
    run("qemu-img", "rebase", "-u", "-b", image / "disk.raw", "-F", "raw", disk)


def _pack(folder: Path, path: Path) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.add(folder, ".")
    if path.stat().st_size > vm_image.IDENTITY_BYTES:
        raise HostsError(f"{path} is larger than the disk that it has to fit on, {vm_image.IDENTITY_BYTES} bytes.")
    os.truncate(path, vm_image.IDENTITY_BYTES)


def run_until_end(image: Path, host: Host) -> int:
    """Run a machine until it is powered off or killed, through all its reboots; return how QEMU ended."""
    network.connect_vm(host)
    words = vm_image.command(image, _parts(host), "-loadvm", vm_image.FROZEN)
    script = cgroups.join_script(f"{guest.group_of(host)}/guest") + 'exec "$@"\n'
    with host.log.open("ab") as log:
        code = subprocess.call(["sh", "-c", script, "sh", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    network.remove_link(host.link)
    return code


def _parts(host: Host) -> vm_image.Parts:
    return vm_image.Parts(host.folder / "disk.qcow2", host.folder / "identity", host.link, host.log)
