"""What a virtual machine starts from: Debian with a kernel of its own, built and booted once, kept as it stood then.

The image knows no name, no address and no key. Booted, it waits for a small disk that has them (`IDENTITY_UNIT`); there
it is frozen, so that each machine made from it goes on from that moment, in seconds instead of a boot.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import rootfs
from .shell import HostsError, run, wait_until

# initramfs-tools gets its compressor by name: without it the image boots from a larger one.
PACKAGES = (*rootfs.PACKAGES, "linux-image-cloud-amd64", "initramfs-tools", "zstd")
DISK_SIZE = "3G"
IDENTITY_BYTES = 1024 * 1024
WAITING = "holdfast: waiting for an identity"
FROZEN = "ready"
BOOT_SECONDS, FREEZE_SECONDS, COPY_SECONDS = 600.0, 120.0, 300.0
# The disk is read past the cache: what it held when the image was frozen was nothing.
IDENTITY_PROGRAM = f"""#!/bin/sh
# Started units and warm caches are in the image; Python is what a host is asked for first.
systemctl is-system-running --wait >/dev/null
python3 -c 'import json, zipfile, subprocess, platform, urllib.request'
echo '{WAITING}' >/dev/console
until dd if=/dev/vdb bs=512 count=1 iflag=direct 2>/dev/null | grep -q ustar; do sleep 0.2; done
dd if=/dev/vdb bs=64k iflag=direct 2>/dev/null | tar -xf - -C / --no-overwrite-dir
# The clock stood still while the image was frozen; the hardware's did not.
date --set="@$(cat /sys/class/rtc/rtc0/since_epoch)"
hostname "$(cat /etc/hostname)"
networkctl reload
systemctl restart ssh
: >/etc/holdfast-host
sync
"""
IDENTITY_UNIT = """[Unit]
Description=Become the host that the second disk describes
ConditionPathExists=!/etc/holdfast-host
[Service]
ExecStart=/usr/local/sbin/holdfast-identity
[Install]
WantedBy=multi-user.target
"""
# Run by a shell outside the new root file system, which is its first argument.
CUSTOMIZE = f"""{rootfs.CUSTOMIZE}
echo '/dev/vda / ext4 defaults,noatime 0 1' >"$1/etc/fstab"
cat >"$1/usr/local/sbin/holdfast-identity" <<'END'
{IDENTITY_PROGRAM}END
chmod 0755 "$1/usr/local/sbin/holdfast-identity"
cat >"$1/etc/systemd/system/holdfast-identity.service" <<'END'
{IDENTITY_UNIT}END
mkdir -p "$1/etc/systemd/system/ssh.service.d"
printf '[Unit]\\nConditionPathExists=/etc/ssh/ssh_host_ed25519_key\\n' >"$1/etc/systemd/system/ssh.service.d/keys.conf"
chroot "$1" systemctl --quiet enable systemd-networkd holdfast-identity
sed -i 's/^MODULES=.*/MODULES=list/' "$1/etc/initramfs-tools/initramfs.conf"
printf 'virtio_pci\\nvirtio_blk\\nvirtio_net\\nvirtio_rng\\next4\\n' >"$1/etc/initramfs-tools/modules"
chroot "$1" update-initramfs -u -k all
"""
# A processor that the emulation is quick with.
MACHINE = (
    "-machine", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "Nehalem-v1", "-m", "1024", "-smp", "2",
    "-nodefaults", "-display", "none", "-monitor", "none", "-rtc", "base=utc,clock=host", "-device", "virtio-rng-pci",
    "-append", "console=ttyS0 root=/dev/vda rw quiet panic=-1 mitigations=off",
)  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """What differs between two runs of one image."""

    disk: Path
    identity: Path
    tap: str
    console: Path


def command(image: Path, parts: Parts, *more: str) -> list[str]:
    """Return the command that runs a machine; a frozen one goes on only with the same devices."""
    return [
        "qemu-system-x86_64", *MACHINE, "-kernel", str(image / "kernel"), "-initrd", str(image / "initrd"),
        "-chardev", f"file,id=console,path={_escaped(parts.console)},append=on", "-serial", "chardev:console",
        "-drive", f"file={_escaped(parts.disk)},if=none,id=disk,format=qcow2,cache=unsafe",
        "-device", "virtio-blk-pci,drive=disk",
        "-drive", f"file={_escaped(parts.identity)},if=none,id=identity,format=raw,readonly=on",
        "-device", "virtio-blk-pci,drive=identity",
        "-netdev", f"tap,id=net,ifname={parts.tap},script=no,downscript=no", "-device", "virtio-net-pci,netdev=net",
        *more,
    ]  # fmt: skip


def _escaped(path: Path) -> str:
    """Return a path as an option of QEMU: a comma would end it."""
    return str(path).replace(",", ",,")


def key() -> str:
    """Return the short name of what an image is made of and frozen by: another QEMU may not read it."""
    return rootfs.key(PACKAGES, CUSTOMIZE, *MACHINE, run("qemu-system-x86_64", "--version"))


def ensure(cache: Path, say: Callable[[str], None]) -> Path:
    """Return the folder of the image, after having built it where it is missing.

    Raises:
        HostsError: it could not be built, or does not boot.
    """
    folder = cache / f"vm-{key()}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "vm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            unfinished = folder.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            _build(unfinished, say)
            _freeze(unfinished, folder, say)
    return folder


def _build(image: Path, say: Callable[[str], None]) -> None:
    """Make disk, kernel and initrd."""
    say("Building the image of the virtual machine, once for this list of packages: two to three minutes ...")
    started, root = time.monotonic(), image / "root"
    rootfs.make(root, PACKAGES, CUSTOMIZE)
    for name, pattern in (("kernel", "vmlinuz-*"), ("initrd", "initrd.img-*")):
        shutil.copyfile(next((root / "boot").glob(pattern)), image / name)
    run("mkfs.ext4", "-q", "-F", "-d", root, image / "disk.raw", DISK_SIZE, timeout=COPY_SECONDS)
    shutil.rmtree(root)
    say(f"The image is ready after {time.monotonic() - started:.0f} s.")


def _freeze(image: Path, folder: Path, say: Callable[[str], None]) -> None:
    """Boot the image until it waits for an identity, keep that moment, and give the image its final name."""
    say("Booting the virtual machine once, in emulation: half a minute, several on a machine that is busy ...")
    started = time.monotonic()
    # The link is made by QEMU and gone with it.
    parts = Parts(image / "frozen.qcow2", image / "no-identity", f"hfvm{os.getpid()}", image / "console.log")
    with parts.identity.open("wb") as file:
        file.truncate(IDENTITY_BYTES)
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "disk.raw", "-F", "raw", parts.disk)
    # A socket's name has to be short, and a checkout's may not be.
    with tempfile.TemporaryDirectory() as short, (image / "qemu.log").open("wb") as log:
        monitor = Path(short, "monitor")
        words = command(image, parts, "-qmp", f"unix:{_escaped(monitor)},server=on,wait=off")
        # Whatever ends us ends it.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            _save_when_ready(process, parts.console, monitor)
        finally:
            process.kill()
            process.wait()
    image.rename(folder)
    say(f"The virtual machine is frozen after {time.monotonic() - started:.0f} s.")


def _save_when_ready(process: subprocess.Popen[bytes], console: Path, monitor: Path) -> None:
    def has_come() -> bool:
        return process.poll() is not None or (console.is_file() and WAITING in console.read_text(errors="replace"))

    if not wait_until(has_come, BOOT_SECONDS, 0.2) or process.poll() is not None:
        end = console.read_text(errors="replace")[-800:] if console.is_file() else ""
        said = (console.parent / "qemu.log").read_text(errors="replace")[-400:]
        raise HostsError(f"The virtual machine did not boot within {BOOT_SECONDS:.0f} s. It said last:\n{said}{end}")
    answer = ask(monitor, f"savevm {FROZEN}", FREEZE_SECONDS)
    if answer.strip():
        raise HostsError(f"The virtual machine could not be frozen: {answer.strip()}")


def ask(monitor: Path, line: str, seconds: float) -> str:
    """Return what QEMU's monitor answers to a line.

    Raises:
        HostsError: it refuses, or says nothing in time.
    """
    try:
        return _ask(monitor, line, seconds)
    except OSError as error:
        raise HostsError(f"QEMU ended or stood still before it answered `{line}`: {error}") from error


def _ask(monitor: Path, line: str, seconds: float) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        connection.connect(str(monitor))
        stream = connection.makefile("rw")
        stream.readline()
        answer = ""
        for asked in (
            {"execute": "qmp_capabilities"},
            {"execute": "human-monitor-command", "arguments": {"command-line": line}},
        ):
            stream.write(json.dumps(asked) + "\n")
            stream.flush()
            answer = _answer(stream)
        return answer


def _answer(stream: socket.SocketIO) -> str:
    """Return the next answer; what QEMU tells of itself in between is passed over."""
    for line in stream:
        said = json.loads(line)
        if "return" in said:
            return str(said["return"] or "")
        if "error" in said:
            raise HostsError(f"QEMU answered: {said['error'].get('desc', said['error'])}")
    raise ConnectionError("its monitor is closed")
