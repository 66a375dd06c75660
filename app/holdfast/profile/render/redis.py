"""Redis' part: lines of redis.conf and sentinel.conf that follow from the profile."""

from __future__ import annotations

import math
from dataclasses import replace

from holdfast.profile.entries import expectations
from holdfast.profile.facts import HostFacts
from holdfast.profile.model import Profile
from holdfast.profile.render.heading import heading, reason

_MASTER = "mymaster"  # the gateway's default, broker.redis.master_name


def redis(profile: Profile, facts: HostFacts) -> str:
    """Return lines for redis.conf; addresses, users, passwords and replicas are somebody else's."""
    on_redis = replace(facts, roles=frozenset({"redis"}))
    lines = heading(profile, "redis")
    for one in expectations(profile, on_redis):
        if one.kind == "redis" and one.value is not None:
            lines += ["", reason(one), f"{one.key} {one.value}"]
    return "\n".join(lines) + "\n"


def sentinel(profile: Profile, facts: HostFacts) -> str:
    """Return lines for sentinel.conf, behind the one that names the master to watch."""
    down = math.ceil(profile.intents.redis_down_after * 1000)
    lines = [
        *heading(profile, "sentinel"),
        f"# They stand behind `sentinel monitor {_MASTER} ADDRESS PORT QUORUM`.",
        "",
        "# Silence after which a master counts as dead; a third of the gateway's broker.unready_after.",
        f"sentinel down-after-milliseconds {_MASTER} {down}",
        "# A failover that takes longer is tried again by another sentinel.",
        f"sentinel failover-timeout {_MASTER} {max(10000, 4 * down)}",
        "# Replicas copy the new master one after the other, so that some can still be read.",
        f"sentinel parallel-syncs {_MASTER} 1",
    ]
    return "\n".join(lines) + "\n"
