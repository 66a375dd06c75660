"""What automation gets of a profile: numbers, expectations and texts, as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from holdfast.profile.derive import derive
from holdfast.profile.entries import Expectation, expectations
from holdfast.profile.facts import HostFacts
from holdfast.profile.model import Profile
from holdfast.profile.render.kernel import settable
from holdfast.profile.render.targets import RENDERERS, render

_NOT_RENDERED = frozenset({"docs", "json"})  # for people, and what this already is


def ansible_vars(profile: Profile, facts: HostFacts) -> dict[str, Any]:
    """Return `derived`, `expectations`, `sysctl` by key, and `renders` by target; nothing but JSON types.

    Raises:
        ProfileError: the profile does not fit the host.
    """
    found = expectations(profile, facts)
    return {
        "profile": profile.name,
        "derived": derived_vars(profile, facts),
        "expectations": [expectation_vars(one) for one in found],
        "sysctl": {one.key: expectation_vars(one) for one in settable(found)},
        "renders": {target: render(target, profile, facts) for target in RENDERERS if target not in _NOT_RENDERED},
    }


def derived_vars(profile: Profile, facts: HostFacts) -> dict[str, Any]:
    """Return every derived number by name; several of one are a list."""
    derived = asdict(derive(profile, facts))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in derived.items()}


def expectation_vars(one: Expectation) -> dict[str, Any]:
    """Return an expectation as plain data."""
    plain = {name: getattr(one, name) for name in one.__slots__ if name != "pod"}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
    return plain | {"pod": one.pod.model_dump(exclude_none=True)}
