"""The texts that can be made from a profile, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from holdfast.profile.facts import HostFacts
from holdfast.profile.faults import Fault, ProfileError
from holdfast.profile.model import Profile
from holdfast.profile.render import kernel, unit

Renderer = Callable[[Profile, HostFacts], str]

RENDERERS: Final[Mapping[str, Renderer]] = {
    "sysctl": kernel.sysctl,
    "modules": kernel.modules,
    "modprobe": kernel.modprobe,
    "unit": unit.unit,
}


def render(target: str, profile: Profile, facts: HostFacts) -> str:
    """Return the text of a target.

    Raises:
        ProfileError: there is no such target, or the profile does not fit the host.
    """
    if target not in RENDERERS:
        text = f"expected one of {', '.join(RENDERERS)}; saw {target!r}"
        raise ProfileError([Fault("target_unknown", text)])
    return RENDERERS[target](profile, facts)
