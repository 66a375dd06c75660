"""What stands at the top of each text that is made from a profile."""

from __future__ import annotations

from holdfast.profile.entries import Expectation
from holdfast.profile.folklore import MADE_BY_US
from holdfast.profile.model import Profile


def heading(profile: Profile, target: str, mark: str = "#") -> list[str]:
    """Return the lines that say where the text comes from, so that nobody edits it by hand."""
    return [
        f"{mark} {MADE_BY_US} {profile.name} by `holdfast profile render {target}`; changes here are lost.",
        f"{mark} `holdfast profile explain KEY` says why a number is what it is.",
    ]


def reason(one: Expectation, mark: str = "#") -> str:
    """Return the comment above a setting: a line, whatever a profile has there."""
    return f"{mark} {one.id}: {' '.join(one.why.split())}"
