"""What a host of certain roles is expected to have: the profile's entries with their numbers filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.profile.derive import derive
from holdfast.profile.derived import Derived
from holdfast.profile.facts import HostFacts, version_of
from holdfast.profile.formulas import port_ranges, ports_text
from holdfast.profile.model import Entry, PodUse, Profile

Resolved = int | float | str
PORT_RANGE: Final = "net.ipv4.ip_local_port_range"
RESERVED: Final = "net.ipv4.ip_local_reserved_ports"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing to set and to check. Several numbers of one key are a text, apart by blanks, as the kernel has them."""

    id: str
    key: str
    kind: str
    mode: str
    value: Resolved | None
    roles: tuple[str, ...]
    scope: str
    why: str
    cost: str
    source: str
    risk: str
    optional: bool
    pod: PodUse
    formula: str = ""
    evidence: tuple[str, ...] = ()


def expectations(profile: Profile, facts: HostFacts) -> list[Expectation]:
    """Return what a host with these facts is to have, in the profile's order.

    Raises:
        ProfileError: the profile contradicts itself, or the host is too small for it.
    """
    return select(profile, derive(profile, facts), facts)


def select(profile: Profile, derived: Derived, facts: HostFacts) -> list[Expectation]:
    """Return what is expected of the roles and the kernel of these facts, with numbers that are at hand."""
    return [
        resolve(entry, derived)
        for entry in profile.entries
        if entry.enabled and facts.roles.intersection(entry.roles) and _has(entry, facts)
    ]


def resolve(entry: Entry, derived: Derived) -> Expectation:
    """Return an entry with its number filled in; its formula is one, as `derive` has checked."""
    raw: object = entry.value if entry.formula is None else getattr(derived, entry.formula)
    mode = entry.resolves_to or "exact" if entry.mode == "formula" else entry.mode
    return Expectation(
        entry.id, entry.key, entry.kind, mode, text_of(raw), entry.roles, entry.scope, entry.why, entry.cost,
        entry.source, entry.risk, entry.optional, entry.pod, entry.formula or "", entry.evidence,
    )  # fmt: skip


def text_of(raw: object) -> Resolved | None:
    """Return a value as expectations have it."""
    if isinstance(raw, list | tuple):
        return " ".join(str(one) for one in raw)
    return raw if raw is None or isinstance(raw, int | float) else str(raw)


def default_of(entry: Entry, kernel: str) -> Resolved | None:
    """Return what this kernel has by itself, if that is known: each default holds up to the kernel beside it."""
    release = version_of(kernel)
    known = sorted(entry.default, key=version_of)
    if not known:
        return None
    return text_of(entry.default[next((one for one in known if version_of(one) >= release), known[-1])])


def _has(entry: Entry, facts: HostFacts) -> bool:
    return entry.kernel_min is None or version_of(facts.kernel) >= version_of(entry.kernel_min)


def raise_only(expectation: Expectation, current: Resolved | Sequence[int] | None) -> Resolved | None:
    """Return what to write so that a host has what is expected, None where it has.

    `min` never lowers and `max` never raises, each number of several for itself. A range of ports only grows, and to
    the reserved ones some are only added.
    """
    wanted = expectation.value
    if expectation.mode == "report" or wanted is None:
        return None
    have = _comparable(expectation, text_of(current))
    if have is None:
        return wanted
    target = _normal(_merged(expectation, str(wanted), have))
    return None if target == have else _as(wanted, target or "")


def _merged(expectation: Expectation, wanted: str, have: str) -> str:
    if expectation.mode == "exact":
        return wanted
    if expectation.key == RESERVED:
        return _ports(f"{have},{wanted}") or wanted
    new, old = wanted.split(), have.split()
    if len(new) != len(old) or not _numbers([*new, *old]):
        return wanted
    if expectation.key == PORT_RANGE:
        return f"{min(new[0], old[0], key=float)} {max(new[1], old[1], key=float)}"
    pick = max if expectation.mode == "min" else min
    return " ".join(pick(one, other, key=float) for one, other in zip(new, old, strict=True))


def _comparable(expectation: Expectation, value: Resolved | None) -> str | None:
    """Return what is there, ports in the kernel's order: a file may name them in any."""
    text = _normal(value)
    return _ports(text) or text if text and expectation.key == RESERVED else text


def _ports(text: str) -> str:
    """Return ports as the kernel writes them, "" where the text names something else: a file may hold anything."""
    try:
        return ports_text(port_ranges(one for one in text.replace(" ", "").split(",") if one))
    except ValueError:
        return ""


def _numbers(texts: list[str]) -> bool:
    try:
        return all(float(text) == float(text) for text in texts)
    except ValueError:
        return False


def _normal(value: Resolved | None) -> str | None:
    return None if value is None else " ".join(str(value).split())


def _as(wanted: Resolved, text: str) -> Resolved:
    if isinstance(wanted, int) and text.lstrip("-").isdecimal():
        return int(text)
    return float(text) if isinstance(wanted, float) else text
