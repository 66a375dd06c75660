"""Everything that can be wrong with a profile, or with a sysctl file that somebody wrote, at once."""

from __future__ import annotations

from pathlib import Path

from holdfast.profile.derive import derive
from holdfast.profile.facts import ROLES
from holdfast.profile.faults import Fault, ProfileError
from holdfast.profile.folklore import read_sysctl, refused
from holdfast.profile.load import load


def lint(name_or_path: str | Path) -> list[Fault]:
    """Return every fault of a profile: its form, its invariants for each role of its reference host, folklore."""
    try:
        profile = load(name_or_path)
    except ProfileError as error:
        return list(error.found)
    found: dict[Fault, None] = {}
    for role in ROLES:
        try:
            derive(profile, profile.intents.reference.facts(role))
        except ProfileError as error:
            found |= dict.fromkeys(error.found)
    return list(found)


def lint_sysctl(path: Path) -> list[Fault]:
    """Return the folklore of a file of sysctl.d.

    Raises:
        ProfileError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError([Fault("sysctl_unreadable", f"{path}: expected a file to read; {error}")]) from None
    return [Fault(one.name, f"{path}: {one.text}", one.keys) for one in refused(read_sysctl(text))]
