"""Fixtures that run a real gateway; see `tests.gateway`."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import stamina

from tests.backends import Backend, running_backend
from tests.broker_worlds import GetRedis, running_modes
from tests.gateway import Gateway, running

# `make test` says the same twice: its examples are always the same ones. `make proof` looks for new ones.
hypothesis.settings.register_profile("test", derandomize=True, deadline=None)
hypothesis.settings.register_profile("proof", max_examples=1000, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))


# A shell that runs the tests in the background ignores Ctrl-C, and every command they start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# In this process repetitions follow at once; how many there are is for the code to say.
stamina.set_testing(True, attempts=1000)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that all tests share: use channels and users of your own, and leave it running."""
    with running(tmp_path_factory.mktemp("gateway")) as shared:
        yield shared


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Return a function that starts a gateway with settings of its own; all are ended with the test."""
    started: list[Gateway] = []

    def start(settings: dict[str, Any] | None = None) -> Gateway:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Gateway(folder, settings))
        return started[-1].start()

    yield start
    for gateway in started:
        gateway.kill()


@pytest.fixture
def backend() -> Iterator[Backend]:
    """A user's backend whose answers the test chooses; it knows no path until then."""
    with running_backend() as one:
        yield one


@pytest.fixture(scope="session")
def get_redis() -> Iterator[GetRedis]:
    """Return a function that gives Redis in a mode (single, sentinel, cluster), which all tests share."""
    with running_modes() as get:
        yield get
