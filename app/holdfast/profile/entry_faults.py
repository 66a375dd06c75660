"""What is wrong with entries once the numbers are known: formulas that are none, limits below the need, folklore."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from holdfast.profile.derived import MEANINGS, Derived
from holdfast.profile.faults import Fault
from holdfast.profile.folklore import Wanted, refused
from holdfast.profile.model import Entry, Profile, Value

FORMULAS: Final = frozenset(MEANINGS) - {"alerts"}
# Keys that somebody may give a number of their own, which must not be below what is calculated.
_NEEDS: Final = {
    "LimitNOFILE": "descriptors",
    "nofile": "descriptors",
    "fs.nr_open": "descriptors",
    "net.core.somaxconn": "backlog",
    "listen_backlog": "backlog",
    "MemoryMax": "memory_max_bytes",
    "TimeoutStopSec": "termination_grace",
    "Maxconn": "haproxy_maxconn",
    "Ulimit-n": "haproxy_descriptors",
}
_CONNTRACK_KEY: Final = "net.netfilter.nf_conntrack_tcp_timeout_established"


def entry_faults(profile: Profile, derived: Derived) -> list[Fault]:
    """Return every fault of the entries that are on, and formulas that are none of any."""
    entries = [entry for entry in profile.entries if entry.enabled]
    unknown = [fault for entry in profile.entries for fault in _formula(entry)]
    if unknown:
        return unknown
    wanted = {entry.key: _wanted(entry, derived) for entry in entries if entry.kind in ("sysctl", "unit", "file")}
    return [
        *(fault for entry in entries for fault in _too_small(entry, derived)),
        *_forgetful(entries, derived),
        *_twice(entries),
        *refused({key: one for key, one in wanted.items() if one is not None}, derived.backlog),
    ]


def _formula(entry: Entry) -> Iterator[Fault]:
    if entry.formula is not None and entry.formula not in FORMULAS:
        near = get_close_matches(entry.formula, FORMULAS, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(FORMULAS))}"
        text = f"entries.{entry.id}.formula: expected a calculated number, saw {entry.formula!r}; {hint}"
        yield Fault("formula_unknown", text, (entry.id,))


def _wanted(entry: Entry, derived: Derived) -> Wanted | None:
    raw = entry.value if entry.formula is None else getattr(derived, entry.formula)
    if raw is None:
        return None
    text = " ".join(str(one) for one in raw) if isinstance(raw, list | tuple) else str(raw)
    mode = entry.resolves_to or "exact" if entry.mode == "formula" else entry.mode
    return Wanted(text, mode, entry.formula is not None)


def _too_small(entry: Entry, derived: Derived) -> Iterator[Fault]:
    need = getattr(derived, _NEEDS[entry.key]) if entry.key in _NEEDS else 0
    if need and entry.mode != "report" and entry.value is not None and _amount(entry.value) < need:
        yield Fault(
            "entry_too_small",
            f"entries.{entry.id}: expected {entry.key} of at least {need} ({MEANINGS[_NEEDS[entry.key]].formula}), saw "
            f"{entry.value}; use the formula {_NEEDS[entry.key]}, or change the intents",
            (entry.id,),
        )


def _forgetful(entries: list[Entry], derived: Derived) -> Iterator[Fault]:
    for entry in entries:
        value = entry.value if entry.key == _CONNTRACK_KEY else None
        if value is not None and _amount(value) <= 3 * derived.ping_interval:
            yield Fault(
                "conntrack_forgets",
                f"entries.{entry.id}: expected tracked connections to outlive three pings, "
                f"{3 * derived.ping_interval} s; saw {value} s, after which the firewall drops them",
                (entry.id,),
            )


def _amount(value: Value) -> float:
    """Return a value as a number, also one in quotes; 0 for a text such as `1min`, which is compared with nothing."""
    if isinstance(value, int | float):
        return value
    return float(value) if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value.strip()) else 0


def _twice(entries: list[Entry]) -> Iterator[Fault]:
    """Refuse two entries that set the same for the same hosts: no host could have both."""
    first: dict[tuple[str, str, str], Entry] = {}
    for entry in entries:
        others = [first.setdefault((entry.kind, entry.key, role), entry) for role in entry.roles]
        if other := next((one for one in others if one is not entry), None):
            yield Fault(
                "entry_key_twice",
                f"entries.{entry.id}: expected {entry.key} to be set once, saw it in {other.id} too; change that one "
                "by its id, or remove it",
                (entry.id, other.id),
            )
