"""The files of a slot: which version it runs, with which settings and secrets. Each is replaced whole or not at all.

A slot has copies of its own, so that one that is restarted by systemd in the middle of a roll comes back as it was.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.holdfast.gateway.plugins.module_utils.units import FINGERPRINT

SLOTS = "/opt/holdfast/slots"
INSTANCES = "/etc/holdfast/instances"
LOCK = "/run/holdfast-roll.lock"
GROUP = "holdfast"


@dataclass(frozen=True)
class Content:
    """What a slot is to be started with."""

    version: str  # path of the virtual environment
    settings: str
    secrets: str
    fingerprint: str
    name: str  # of the instance
    port: int
    internal_port: int


def write_slot(slot: str, content: Content) -> None:
    """Write everything that the unit of the slot reads.

    Raises:
        OSError: a disk that is full, for one; what was there is still there.
    """
    group = grp.getgrnam(GROUP).gr_gid
    own = {
        "HOLDFAST_INSTANCE": content.name,
        "HOLDFAST_PORT": content.port,
        "HOLDFAST_INTERNAL_PORT": content.internal_port,
        FINGERPRINT: content.fingerprint,
    }
    replace(f"{INSTANCES}/{slot}.secrets", content.secrets, 0o600, 0)
    replace(f"{INSTANCES}/{slot}.yaml", content.settings, 0o640, group)
    replace(f"{INSTANCES}/{slot}.env", "".join(f"{name}={value}\n" for name, value in own.items()), 0o644, 0)
    link = f"{SLOTS}/{slot}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{link}.new")
    os.symlink(os.path.relpath(content.version, SLOTS), f"{link}.new")
    os.replace(f"{link}.new", link)


def replace(path: str, text: str, mode: int, group: int) -> None:
    """Put a file in the place of another one in one step."""
    partial = f"{path}.new"
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchown(file.fileno(), 0, group)
            os.fchmod(file.fileno(), mode)
        os.replace(partial, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise


@contextlib.contextmanager
def only_one(patience: float) -> Iterator[None]:
    """Let one roll at a time work on this host; a run that was cut off on the controller may still go on here.

    Raises:
        TimeoutError: another one does not end.
    """
    deadline = time.monotonic() + patience
    with open(LOCK, "w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"another roll has worked on this host for more than {patience:.0f} s; it holds {LOCK}"
                    ) from None
                time.sleep(0.2)
        yield
