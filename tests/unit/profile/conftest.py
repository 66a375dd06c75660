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


@pytest.fixture
def facts() -> HostFacts:
    """A gateway host that production fits."""
    return HostFacts(16 * GIB, 8)
