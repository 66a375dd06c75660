"""A profile to change in tests."""

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.profile import HostFacts, Profile, load
from holdfast.profile.load import build, overlay

GIB = 1024**3


@pytest.fixture(scope="session")
def production() -> Profile:
    """The shipped production profile."""
    return load("production")


@pytest.fixture(scope="session")
def with_intents(production: Profile) -> Callable[..., Profile]:
    """Return production with other intents."""

    def make(**intents: Any) -> Profile:
        return build(overlay(production.model_dump(mode="json"), {"intents": intents}, "test"), "test")

    return make


@pytest.fixture(scope="session")
def with_entry(production: Profile) -> Callable[..., Profile]:
    """Return production with an entry that is said otherwise."""

    def make(name: str, **changes: Any) -> Profile:
        entries = [{"id": name, **changes}]
        plain = production.model_dump(mode="json", exclude_none=True)
        return build(overlay(plain, {"entries": entries}, "test"), "test")

    return make


@pytest.fixture
def facts() -> HostFacts:
    """A gateway host that production fits."""
    return HostFacts(16 * GIB, 8)
