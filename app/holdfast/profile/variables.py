"""What automation gets of a profile: numbers, expectations and texts, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from holdfast.profile.derive import derive
from holdfast.profile.entries import Expectation, expectations
from holdfast.profile.facts import HostFacts
from holdfast.profile.model import Profile
from holdfast.profile.render.haproxy import haproxy, slots
from holdfast.profile.render.kernel import settable
from holdfast.profile.render.targets import RENDERERS, render

_NOT_RENDERED = frozenset({"docs", "json", "helm"})  # for people, what this already is, and for pods


def ansible_vars(profile: Profile, facts: HostFacts, gateways: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return `derived`, `expectations`, `sysctl` by key, and `renders` by target; nothing but JSON types.

    Args:
        profile: which.
        facts: of the host that the variables are for.
        gateways: address by name of the gateway hosts; their slots are `servers`, and those of `renders.haproxy`.

    Raises:
        ProfileError: the profile does not fit the host.
    """
    found, servers = expectations(profile, facts), slots(profile.intents, gateways or {})
    renders = {target: render(target, profile, facts) for target in RENDERERS if target not in _NOT_RENDERED}
    return {
        "profile": profile.name,
        "derived": derived_vars(profile, facts),
        "expectations": [expectation_vars(one) for one in found],
        "sysctl": {one.key: expectation_vars(one) for one in settable(found)},
        "servers": [asdict(one) for one in servers],
        "renders": renders | {"haproxy": haproxy(profile, facts, servers)},
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
