"""Which versions with which settings served on a host, oldest first; going back is a step to the left in that list."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Release:
    """A version, by the name of its folder, and the settings that it served with; secrets are not kept."""

    version: str
    settings: str


class NothingBeforeError(Exception):
    """There is no release to go back to; the text says why."""


def read(rows: object) -> list[Release]:
    """Return the releases of a file's content; rows that are none are left out."""
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and isinstance(row.get("version"), str) and isinstance(row.get("settings"), str):
            found.append(Release(row["version"], row["settings"]))
    return found


def rows_of(releases: list[Release]) -> list[dict[str, str]]:
    """Return the content of the file."""
    return [asdict(release) for release in releases]


def recorded(releases: list[Release], serving: Release, keep: int) -> list[Release]:
    """Return the list after `serving` has come to serve.

    Where it stands in the list already, that was a step back: what came behind it was found bad, and no later step back
    shall lead there.
    """
    if serving in releases:
        return releases[: releases.index(serving) + 1]
    return [*releases, serving][-keep:]


def before(releases: list[Release], serving: Release) -> Release:
    """Return the release before the one that serves; that itself where a step back to it was cut off.

    Raises:
        NothingBeforeError: there is none.
    """
    if not releases:
        raise NothingBeforeError("no release is recorded on this host, so there is nothing to go back to")
    if serving not in releases:
        return releases[-1]
    place = releases.index(serving)
    if place < len(releases) - 1:
        # The list ends with what the last whole roll brought: a step back was cut off, and is to be taken to its end.
        return serving
    if place == 0:
        raise NothingBeforeError(f"{serving.version} is the first release that is recorded on this host")
    return releases[place - 1]


def superfluous(there: list[str], releases: list[Release], in_use: set[str], keep: int) -> list[str]:
    """Return the versions that may go: not used by a slot, and not among the last that served."""
    latest: list[str] = []
    for release in reversed(releases):
        if release.version not in latest:
            latest.append(release.version)
    return sorted(set(there) - set(latest[:keep]) - in_use)
