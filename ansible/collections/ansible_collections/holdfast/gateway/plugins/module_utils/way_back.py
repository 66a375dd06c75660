"""Where a rollback leads: one target for all hosts, chosen from what they have on record and what they serve now.

The target is what served before the latest deploy on all hosts that took part in it. A deploy that stopped half-way is
none, and its hosts all go to the same one, or are there already. No input or output here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.holdfast.gateway.plugins.module_utils.releases import History, Release, Row

BACK, ALONE, STAYS = "back", "alone", "stays"
# Ends the name of a rollback, and begins that of a deploy of the earlier format: it sorts before those of today.
ROLLBACK, EARLIER = "-back", "0-"
# What differs between hosts of one fleet, in settings that were recorded without a deploy's name.
OWN_LINES = ("host:", "internal_host:")


class NothingBeforeError(Exception):
    """There is no release to go back to; the text says why."""


@dataclass(frozen=True)
class Found:
    """A host: its record, the releases of slots that run or come back after a reboot, and the installed versions."""

    history: History
    serving: tuple[Release, ...] = ()
    installed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Step:
    """What becomes of a host: it goes `back`, it serves the target already and is left `alone`, or it `stays`."""

    action: str
    text: str
    release: Release | None = None


@dataclass(frozen=True)
class Choice:
    """The name of a rollback, the deploy whose end it leads back to, and what that means for each host."""

    name: str
    deploy: str
    steps: Mapping[str, Step] = field(default_factory=dict)


def choose(fleet: Mapping[str, Found], own: str) -> Choice:
    """Return the target, and what becomes of each host; `own` names this rollback, perhaps since an earlier run.

    Raises:
        NothingBeforeError: there is no target, or no host has it.
    """
    fleet = _named(fleet)
    names = {name for found in fleet.values() for name in found.history.deploys}
    latest = max(names, default="")
    # An earlier run's where nothing came after it; else behind all others, whatever clocks of several controllers say.
    mine = own + ROLLBACK
    name = latest if latest.endswith(mine) else mine if mine > latest else f"{latest}+{mine}"
    # Where it led before, for hosts that it did not take along then; what it wrote down itself is no end to lead to.
    before = {found.history.back[1] for found in fleet.values() if name == latest and found.history.back[0] == name}
    deploy = max(before) if before else _target({host: found.history for host, found in fleet.items()}, fleet)
    steps = {host: _step(found, found.history.at(deploy)) for host, found in fleet.items()}
    if all(step.action == STAYS for step in steps.values()):
        raise NothingBeforeError("; ".join(f"{host}: {step.text}" for host, step in steps.items()))
    return Choice(name, deploy, steps)


def _target(histories: Mapping[str, History], fleet: Mapping[str, Found]) -> str:
    """Return the deploy whose end is led back to."""
    names = sorted(name for history in histories.values() for name in history.deploys)
    if not names:
        raise NothingBeforeError("no release is recorded on any host, so there is nothing to go back to")
    latest = names[-1]
    whole = [name for name in dict.fromkeys(names) if _is_whole(name, histories)]
    if latest not in whole:
        if whole:
            return whole[-1]
        raise NothingBeforeError("no deploy on record has reached all its hosts, so no release is known to be good")
    state = {host: history.at(latest) for host, history in histories.items()}
    # A rollback notes where it leads before it goes there: one that was cut off is taken to its end.
    if latest.endswith(ROLLBACK) and any(state[host] not in (None, *_only(found)) for host, found in fleet.items()):
        return latest
    for name in reversed(whole[:-1]):
        before = {host: history.at(name) for host, history in histories.items()}
        if any(before[host] not in (None, state[host]) for host in histories):
            return name
    versions = ", ".join(sorted({release.version for release in state.values() if release}))
    raise NothingBeforeError(f"{versions} is the first release that is recorded here")


def _is_whole(name: str, histories: Mapping[str, History]) -> bool:
    """Tell whether a deploy came to serve on each host that it began on."""
    return all(name not in history.deploys or name in history.ended for history in histories.values())


def _only(found: Found) -> tuple[Release, ...]:
    return found.serving if len(set(found.serving)) == 1 else ()


def _step(found: Found, wanted: Release | None) -> Step:
    now = ", ".join(dict.fromkeys(release.version for release in found.serving)) or "nothing"
    if wanted is None:
        return Step(STAYS, f"came later and never served the release that the others go back to; it stays with {now}")
    if set(found.serving) == {wanted}:
        return Step(ALONE, f"serves {wanted.version} already, with the settings of then; left alone", wanted)
    if wanted.version not in found.installed:
        return Step(STAYS, f"{wanted.version} is not installed there any more; it stays with {now}")
    is_same = {release.version for release in found.serving} == {wanted.version}
    how = "with its settings of then" if is_same else f"from {now}"
    return Step(BACK, f"back to {wanted.version}, {how}", wanted)


def _named(fleet: Mapping[str, Found]) -> dict[str, Found]:
    """Return the fleet with a name for each deploy of the earlier format, which noted releases alone, host by host.

    Releases that are alike on several hosts are taken for those of one deploy.
    """
    early = {host: _early(found.history) for host, found in fleet.items()}
    labels = _labels({host: rows for host, rows in early.items() if any(not row.deploys for row in rows)})
    order = _merged(list(labels.values()))
    return {
        host: replace(found, history=_with_names(found.history, labels[host], order)) if host in labels else found
        for host, found in fleet.items()
    }


def _early(history: History) -> tuple[Row, ...]:
    """Return the rows without a deploy, and the one behind them: it may be one of those on another host."""
    first = next((place for place, row in enumerate(history.rows) if row.deploys), len(history.rows))
    return history.rows[: first + 1]


def _labels(early: Mapping[str, tuple[Row, ...]]) -> dict[str, list[str]]:
    """Return what the releases of each host are compared by.

    Raises:
        NothingBeforeError: they cannot be compared.
    """
    found = {host: [_label(row.release) for row in rows] for host, rows in early.items()}
    longest = max(found.values(), key=len, default=[])
    if all(set(longest) & set(labels) for labels in found.values()):
        return found
    # Hosts of several sizes have settings of several kinds. Versions alone do where none stands there twice.
    found = {host: [row.release.version for row in rows] for host, rows in early.items()}
    if all(len(set(labels)) == len(labels) for labels in found.values()):
        return found
    raise NothingBeforeError(
        "the releases were recorded by an earlier version of the playbooks and cannot be compared between hosts:"
        " deploy the release that you want"
    )


def _label(release: Release) -> str:
    kept = [line for line in release.settings.splitlines() if not line.startswith(OWN_LINES)]
    return "\n".join([release.version, *kept])


def _merged(lists: list[list[str]]) -> list[str]:
    """Return the labels of all hosts in one order that follows each of theirs as far as they agree."""
    order: list[str] = []
    rest = [labels for labels in lists if labels]
    while rest:
        heads = [labels[0] for labels in rest]
        chosen = next((head for head in heads if not any(head in labels[1:] for labels in rest)), heads[0])
        order.append(chosen)
        rest = [kept for labels in rest if (kept := [label for label in labels if label != chosen])]
    return order


def _with_names(history: History, labels: list[str], order: list[str]) -> History:
    names = {label: f"{EARLIER}{place:04d}" for place, label in enumerate(order)}
    rows = [Row(row.release, (names[label], *row.deploys)) for row, label in zip(history.rows, labels, strict=False)]
    first = min(order.index(label) for label in labels)
    # What came behind a host's first release and is not on its record did not reach it.
    missed = {names[label]: "" for label in order[first:] if label not in labels}
    return replace(history, rows=(*rows, *history.rows[len(rows) :]), begun=missed | dict(history.begun))
