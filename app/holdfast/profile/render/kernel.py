"""The kernel's part: sysctl.d, modules-load.d, modprobe.d."""

from __future__ import annotations

from typing import Final

from holdfast.profile.derive import derive
from holdfast.profile.entries import Expectation, expectations
from holdfast.profile.facts import HostFacts
from holdfast.profile.model import Profile
from holdfast.profile.render.heading import heading, reason

_BY_HAND: Final = (
    "# WARNING: copied by hand this LOWERS what a host has more of. The role kernel_tuning leaves such lines out;",
    "# by hand write only what `holdfast profile check` reports, or delete each `at least` that the host exceeds.",
)
_BOUNDS: Final = {
    "min": "At least: where `sysctl KEY` shows more, leave this line out.",
    "max": "At most: where `sysctl KEY` shows less, leave this line out.",
}


def sysctl(profile: Profile, facts: HostFacts) -> str:
    """Return a drop-in for /etc/sysctl.d; a key that a kernel may lack has a minus before it, as sysctl.d(5) has it.

    It states what the profile wants. Where a host has more of a `min` key, the role that writes the file keeps that;
    the text says so to whoever copies it by hand.
    """
    lines = [*heading(profile, "sysctl"), *_BY_HAND]
    for one in settable(expectations(profile, facts)):
        bound = [f"# {_BOUNDS[one.mode]}"] if one.mode in _BOUNDS else []
        lines += ["", reason(one), *bound, f"{'-' if one.optional else ''}{one.key} = {one.value}"]
    return "\n".join(lines) + "\n"


def settable(found: list[Expectation]) -> list[Expectation]:
    """Return the kernel keys that are written, and not only looked at."""
    return [one for one in found if one.kind == "sysctl" and one.mode != "report" and one.value is not None]


def modules(profile: Profile, facts: HostFacts) -> str:
    """Return a file for /etc/modules-load.d: keys of a module are there only once it is loaded."""
    names = [one for one in expectations(profile, facts) if one.kind == "module" and one.mode != "report"]
    lines = heading(profile, "modules")
    for one in names:
        lines += ["", reason(one), one.key]
    return "\n".join(lines) + "\n"


def modprobe(profile: Profile, facts: HostFacts) -> str:
    """Return a file for /etc/modprobe.d: options that count when a module is loaded."""
    wanted = {one.key for one in expectations(profile, facts) if one.kind == "module" and one.mode != "report"}
    lines = heading(profile, "modprobe")
    if "nf_conntrack" in wanted:
        lines += ["", f"options nf_conntrack hashsize={derive(profile, facts).conntrack_buckets}"]
    return "\n".join(lines) + "\n"
