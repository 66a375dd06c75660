"""Bring a set of hosts up, take it down, look at it: what the commands and the tests do, on a set that is claimed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import access, cgroups, guest, machine, network, registry, rootfs, vm, vm_image, wheelhouse
from .model import Host, HostSet
from .shell import HostsError, wait_until

PROGRAM = Path(__file__).resolve().parent.parent / "test_hosts.py"
# Seconds on a free machine are a minute on one that builds something beside.
READY_SECONDS = 90.0
# How long one that says nothing is asked for its state; an emulated one is slow.
ANSWER_SECONDS = {False: 5.0, True: 30.0}
Say = Callable[[str], None]


def up(hosts: HostSet, names: Sequence[str], say: Say) -> None:
    """Let the hosts run and be ready for work; those that run already stay as they are.

    Raises:
        HostsError: one does not; what there is stays, to be looked at.
    """
    wanted = [hosts.host(name) for name in names]
    machine.check(with_vm=any(host.is_vm for host in wanted))
    bases = {
        is_vm: (vm_image if is_vm else rootfs).ensure(hosts.folder.parent, say)
        for is_vm in sorted({host.is_vm for host in wanted})
    }
    started = time.monotonic()
    try:
        network.ensure_bridge(hosts)
    except HostsError:
        if not hosts.folder.exists():
            # Nothing was made yet, so that the next try may have other addresses.
            registry.forget(hosts.name)
        raise
    hosts.folder.mkdir(parents=True, exist_ok=True)
    new = [host for host in wanted if not is_running(host)]
    key = access.public_key(hosts)
    for host in new:
        cgroups.end(guest.group_of(host))
        access.make_host_key(hosts, host.name)
        if host.is_vm:
            vm.prepare(bases[True], hosts, host, key)
        else:
            guest.prepare(hosts, host, key)
    access.write_files(hosts)
    for host in new:
        _start(hosts, bases[host.is_vm], host)
    wheels = wheelhouse.serve(hosts, wheelhouse.fill(hosts, say))
    _wait(hosts, wanted)
    running = ", ".join(f"{host.name} {host.address}" for host in wanted)
    say(f"Ready after {time.monotonic() - started:.1f} s ({len(new)} new): {running}. Wheels: {wheels}")


def down(hosts: HostSet, say: Say) -> None:
    """Remove everything of a set, whatever state it is in.

    Raises:
        HostsError: something could not be removed.
    """
    was_emptied = cgroups.end(hosts.group)
    left = network.remove(hosts.number)
    shutil.rmtree(hosts.folder, ignore_errors=True)
    if not was_emptied or left or hosts.folder.exists():
        names = left + ([] if was_emptied else [f"control group {hosts.group}"]) or [str(hosts.folder)]
        raise HostsError(f"The set `{hosts.name}` is not wholly gone, there is still: {', '.join(names)}.")
    registry.forget(hosts.name)
    say(f"The set `{hosts.name}` is gone.")


def reboot(hosts: HostSet, name: str) -> float:
    """Let a host boot again, and return after how many seconds it is ready.

    Raises:
        HostsError: it does not come back.
    """
    before, started = access.boot_id(hosts, name), time.monotonic()
    seconds = _ready_seconds(hosts.host(name))
    # The connection may end before the answer does.
    subprocess.run(
        access.command(hosts, name, "sudo", "systemctl", "reboot"),
        stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False,
    )  # fmt: skip

    def is_back() -> bool:
        try:
            return access.boot_id(hosts, name) != before
        except HostsError:
            return False

    if not wait_until(is_back, seconds, 0.1):
        raise HostsError(
            f"{name} did not boot again within {seconds:.0f} s. Its console's last lines:\n"
            f"{guest.last_words(hosts.host(name))}"
        )
    access.wait(hosts, name, seconds)
    return time.monotonic() - started


def cut(hosts: HostSet, name: str) -> None:
    """Take the power from a host: all of it ends at once, and what is on its disk stays for `boot`.

    Raises:
        HostsError: it is a virtual machine, whose disk would be lost, or it does not end.
    """
    host = hosts.host(name)
    if host.is_vm:
        raise HostsError(f"{name} is a virtual machine, which begins anew without power: `reboot {name}` reboots it.")
    if not cgroups.end(guest.group_of(host)):
        raise HostsError(f"{name} did not end: its processes are in the control group {guest.group_of(host)}.")
    network.disconnect(host)


def boot(hosts: HostSet, name: str, say: Say) -> float:
    """Let a host run again that `cut` has ended, as it was, and return after how many seconds it is ready.

    Raises:
        HostsError: it runs, it was never there, or it does not get ready.
    """
    host = hosts.host(name)
    if host.is_vm or is_running(host) or not host.folder.is_dir():
        raise HostsError(f"{name} is no host without power: `cut {name}` makes it one, `up {name}` a new one.")
    started = time.monotonic()
    _start(hosts, rootfs.ensure(hosts.folder.parent, say), host)
    _wait(hosts, [host])
    return time.monotonic() - started


def status(hosts: HostSet) -> list[tuple[Host, str]]:
    """Return the state of each host: `running`, `ended`, or what is wrong with it."""
    found = []
    for host in hosts.made():
        state = "ended"
        if is_running(host):
            try:
                access.wait(hosts, host.name, ANSWER_SECONDS[host.is_vm])
                state = "running"
            except HostsError as error:
                state = str(error)
        found.append((host, state))
    return found


def is_running(host: Host) -> bool:
    """Tell whether a host has processes."""
    return bool(cgroups.processes(guest.group_of(host)))


def _start(hosts: HostSet, base: Path, host: Host) -> None:
    """Start the process that runs a host; it stays when this one ends."""
    words = [sys.executable, str(PROGRAM), "run-host", "--set", hosts.name, str(base), host.name]
    cgroups.start(guest.group_of(host), words, host.log)


def _ready_seconds(host: Host) -> float:
    return vm.READY_SECONDS if host.is_vm else READY_SECONDS


def _wait(hosts: HostSet, wanted: Sequence[Host]) -> None:
    def wait(host: Host) -> None:
        try:
            access.wait(hosts, host.name, _ready_seconds(host))
        except HostsError as error:
            raise HostsError(f"{error} Its console's last lines:\n{guest.last_words(host)}") from error

    with ThreadPoolExecutor(max(len(wanted), 1)) as pool:
        list(pool.map(wait, wanted))
