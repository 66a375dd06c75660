"""The service unit's part: limits and patience, as a drop-in."""

from __future__ import annotations

from holdfast.profile.derive import derive
from holdfast.profile.facts import HostFacts
from holdfast.profile.model import Profile
from holdfast.profile.render.heading import heading


def unit(profile: Profile, facts: HostFacts) -> str:
    """Return a drop-in for /etc/systemd/system/holdfast@.service.d."""
    derived = derive(profile, facts)
    lines = [
        *heading(profile, "unit"),
        "[Service]",
        "# A connection is a descriptor; units do not read limits.conf.",
        f"LimitNOFILE={derived.descriptors}",
        "# Above what planned connections and slow readers take; the monitor refuses newcomers before.",
        f"MemoryMax={derived.memory_max_bytes}",
        f"# Above wait + drain + flush + margin, {derived.stop_seconds:g} s: the process ends by itself before.",
        f"TimeoutStopSec={derived.stop_timeout}",
        "# The gateway drains by itself; only what is left of its children gets a SIGKILL.",
        "KillMode=mixed",
    ]
    return "\n".join(lines) + "\n"
