"""The service unit's part: limits and patience, as a drop-in."""

from __future__ import annotations

from dataclasses import replace

from holdfast.profile.derive import derive
from holdfast.profile.entries import select
from holdfast.profile.facts import HostFacts
from holdfast.profile.model import Profile
from holdfast.profile.render.heading import heading, reason


def unit(profile: Profile, facts: HostFacts) -> str:
    """Return a drop-in for /etc/systemd/system/holdfast@.service.d."""
    on_gateway = replace(facts, roles=frozenset({"gateway"}))
    lines = [*heading(profile, "unit"), "[Service]"]
    for one in select(profile, derive(profile, facts), on_gateway):
        if one.kind == "unit" and one.mode != "report":
            lines += [reason(one), f"{one.key}={one.value}"]
    return "\n".join(lines) + "\n"
