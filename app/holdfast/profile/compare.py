"""What differs between two profiles: intents, the numbers that follow, entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from holdfast.profile.derive import derive
from holdfast.profile.derived import MEANINGS
from holdfast.profile.facts import HostFacts
from holdfast.profile.model import Profile
from holdfast.profile.render.table import shown


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two profiles have differently; an empty text is not there."""

    kind: str
    name: str
    before: str
    after: str


def differences(one: Profile, other: Profile, facts: tuple[HostFacts, HostFacts]) -> list[Difference]:
    """Return all differences, each profile on its host.

    Raises:
        ProfileError: a profile does not fit its host.
    """
    return [*_intents(one, other), *_numbers(one, other, facts), *_entries(one, other)]


def _intents(one: Profile, other: Profile) -> Iterator[Difference]:
    yield from _unlike("intent", _flat(one.intents.model_dump()), _flat(other.intents.model_dump()))


def _numbers(one: Profile, other: Profile, facts: tuple[HostFacts, HostFacts]) -> Iterator[Difference]:
    before, after = derive(one, facts[0]), derive(other, facts[1])
    numbers = [name for name in MEANINGS if name != "alerts"]
    yield from _unlike(
        "number", {name: getattr(before, name) for name in numbers}, {name: getattr(after, name) for name in numbers}
    )
    yield from _unlike("alert", before.alerts, after.alerts)


def _entries(one: Profile, other: Profile) -> Iterator[Difference]:
    before = {entry.id: entry for entry in one.entries}
    after = {entry.id: entry for entry in other.entries}
    for name in dict.fromkeys([*before, *after]):
        old = _flat(before[name].model_dump(mode="json")) if name in before else {}
        new = _flat(after[name].model_dump(mode="json")) if name in after else {}
        if not old or not new:
            key = (before.get(name) or after[name]).key
            yield Difference("entry", name, key if old else "", key if new else "")
        else:
            yield from _unlike(
                "entry", {f"{name}.{key}": v for key, v in old.items()}, {f"{name}.{key}": v for key, v in new.items()}
            )


def _unlike(kind: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield Difference(kind, name, _text(before, name), _text(after, name))


def _text(values: Mapping[str, object], name: str) -> str:
    return shown(values[name]) if name in values else ""


def _flat(values: Mapping[str, object], path: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{path}{key}.")
        else:
            found[f"{path}{key}"] = value
    return found
