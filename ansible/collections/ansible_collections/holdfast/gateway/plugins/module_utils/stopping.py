"""Stop a slot by its own drain, and wait until it is gone."""

from __future__ import annotations

import time

from ansible_collections.holdfast.gateway.plugins.module_utils import units

SLACK_SECONDS = 20.0
PAUSE_SECONDS = 0.2
ENDED = ("inactive", "failed")


class StillRunningError(Exception):
    """A slot does not go, in spite of the service manager."""


def stop(slot: str, patience: float) -> None:
    """Ask a slot to stop and wait until it is gone; `patience` is what the service manager gives it.

    Raises:
        StillRunningError: it does not go.
    """
    units.run("systemctl", "stop", "--no-block", units.unit_of(slot))
    deadline = time.monotonic() + patience + SLACK_SECONDS
    while units.properties(slot).get("ActiveState", "inactive") not in ENDED:
        if time.monotonic() > deadline:
            raise StillRunningError(f"slot {slot} has not ended within {patience:.0f} s")
        time.sleep(PAUSE_SECONDS)
    units.run("systemctl", "reset-failed", units.unit_of(slot))
