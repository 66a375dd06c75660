"""Which versions with which settings served on a host, oldest first, and which deploys brought them.

A deploy has one name for all hosts, given by the controller; later ones sort behind earlier ones. Each host notes it
when it begins and again when the host serves what it brought, so that one which stopped half-way is known as such.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

FORMAT = 2
# Of deploys that brought nothing new, and of those that stopped half-way.
MOST_DEPLOYS = 12


@dataclass(frozen=True)
class Release:
    """A version, by the name of its folder, and the settings that it served with; secrets are not kept."""

    version: str
    settings: str


@dataclass(frozen=True)
class Row:
    """A release, and the deploys that brought it or found it there; none where an earlier format recorded it."""

    release: Release
    deploys: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    """What a host has on record.

    `begun` are deploys that have not come to serve here, and what each was to bring; `back` is the last rollback, and
    the deploy whose release it led to.
    """

    rows: tuple[Row, ...] = ()
    begun: Mapping[str, str] = field(default_factory=dict)
    back: tuple[str, str] = ("", "")

    @property
    def ended(self) -> set[str]:
        """Return the deploys that came to serve."""
        return {deploy for row in self.rows for deploy in row.deploys}

    @property
    def deploys(self) -> set[str]:
        """Return all deploys that this host took part in."""
        return self.ended | set(self.begun)

    @property
    def last(self) -> Row:
        """Return the last row, an empty one where there is none."""
        return self.rows[-1] if self.rows else Row(Release("", ""))

    def place(self, deploy: str) -> int | None:
        """Return where the release stands that served once that deploy had ended."""
        places = [(name, place) for place, row in enumerate(self.rows) for name in row.deploys if name <= deploy]
        return max(places)[1] if places else None

    def at(self, deploy: str) -> Release | None:
        """Return the release that served once that deploy had ended; None where none is on record."""
        place = self.place(deploy)
        return None if place is None else self.rows[place].release


def digest(release: Release) -> str:
    """Return what tells a release from all others."""
    return hashlib.sha256(f"{release.version}\0{release.settings}".encode()).hexdigest()[:16]


def read(content: object) -> History:
    """Return what a file holds; rows that are none are left out, and the earlier format is a list of rows."""
    found = content if isinstance(content, dict) else {"releases": content}
    rows = [_row(row) for row in _list(found.get("releases")) if isinstance(row, dict)]
    begun = [row for row in _list(found.get("begun")) if isinstance(row, dict)]
    back = found.get("back") if isinstance(found.get("back"), dict) else {}
    return History(
        tuple(row for row in rows if row is not None),
        {str(row["deploy"]): str(row.get("release", "")) for row in begun if "deploy" in row},
        (str(back.get("deploy", "")), str(back.get("to", ""))),
    )


def content_of(history: History) -> dict:
    """Return the content of the file."""
    return {
        "format": FORMAT,
        "releases": [
            {"version": row.release.version, "settings": row.release.settings, "deploys": list(row.deploys)}
            for row in history.rows
        ],
        "begun": [{"deploy": deploy, "release": release} for deploy, release in history.begun.items()],
        "back": {"deploy": history.back[0], "to": history.back[1]},
    }


def deploy_name(histories: Mapping[str, History], wanted: Mapping[str, Release], fresh: str) -> str:
    """Return the name of a deploy: that of the last one where it is to bring the same, else a fresh one.

    So a deploy that was cut off and is run again is one, and one that finds everything there is none.
    """
    latest = max((deploy for history in histories.values() for deploy in history.deploys), default="")
    if latest and all(_brings(history, latest, wanted[host]) for host, history in histories.items()):
        return latest
    # Whatever the clocks of several controllers say.
    return fresh if fresh > latest else f"{latest}+"


def begun(history: History, deploy: str, wanted: Release) -> History:
    """Return the record once a deploy has begun, before it changes anything that serves."""
    if deploy in history.last.deploys and history.last.release == wanted:
        return history
    return replace(history, begun=dict([*history.begun.items(), (deploy, digest(wanted))][-MOST_DEPLOYS:]))


def recorded(history: History, serving: Release, deploy: str, keep: int) -> History:
    """Return the record after a deploy has come to serve here."""
    last = history.last
    rows = history.rows
    if last.release != serving:
        rows = (*rows, Row(serving, (deploy,)))[-keep:]
    elif deploy not in last.deploys:
        rows = (*rows[:-1], Row(serving, (*last.deploys, deploy)[-MOST_DEPLOYS:]))
    waiting = {name: release for name, release in history.begun.items() if name != deploy}
    return replace(history, rows=rows, begun=waiting)


def taken_back(history: History, release: Release, to: str, own: str) -> History:
    """Return the record once a rollback named `own` leads to the release of the deploy `to`.

    What came behind it was found bad: it is forgotten, and no later rollback leads there.
    """
    place = history.place(to)
    if place is None:  # recorded by the earlier format, without a deploy
        place = max(place for place, row in enumerate(history.rows) if row.release == release)
    kept = tuple(name for name in history.rows[place].deploys if name <= to and name != own)
    begun_before = {name: wanted for name, wanted in history.begun.items() if name <= to}
    rows = (*history.rows[:place], Row(release, (*kept, own)[-MOST_DEPLOYS:]))
    return History(rows, begun_before, (own, to))


def superfluous(there: list[str], history: History, in_use: set[str], keep: int) -> list[str]:
    """Return the versions that may go: not used by a slot, and not among the last that served."""
    latest: list[str] = []
    for row in reversed(history.rows):
        if row.release.version not in latest:
            latest.append(row.release.version)
    return sorted(set(there) - set(latest[:keep]) - in_use)


def _list(value: object) -> list:
    return value if isinstance(value, list) else []


def _row(row: dict) -> Row | None:
    if not isinstance(row.get("version"), str) or not isinstance(row.get("settings"), str):
        return None
    return Row(Release(row["version"], row["settings"]), tuple(str(name) for name in _list(row.get("deploys"))))


def _brings(history: History, deploy: str, wanted: Release) -> bool:
    """Tell whether a host that took part in a deploy was to get this by it; one that did not may still."""
    if deploy in history.begun:
        return history.begun[deploy] == digest(wanted)
    return deploy not in history.deploys or (deploy in history.last.deploys and history.last.release == wanted)
