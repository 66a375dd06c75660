"""Real hosts for the tests: one set for the whole run, made at its first use and removed at its end."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.contract.source import ROOT
from tests.infra.deployment import Deployment
from tests.parts import require

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import registry, sets
from hosts.model import USUAL_HOSTS, HostSet

CACHE = ROOT / ".cache" / "hosts"
SET = "infra"


@pytest.fixture(scope="session")
def hosts() -> Iterator[HostSet]:
    """Two gateways, HAProxy and Redis, which all tests of a run share; a second run in this checkout is refused."""
    require("nspawn")
    with registry.claimed(SET, CACHE) as made:
        # What an earlier run that was killed left behind.
        sets.down(made, print)
    with registry.claimed(SET, CACHE) as made:
        try:
            sets.up(made, USUAL_HOSTS, print)
            yield made
        finally:
            sets.down(made, print)


@pytest.fixture(scope="session")
def deployed() -> Iterator[Deployment]:
    """A fleet that `make deploy ENV=local` has made, from nothing, on hosts of its own."""
    require("nspawn")
    require("ansible")
    made = Deployment("make-deploy")
    made.take_down()
    try:
        made.first = made.make("deploy")
        yield made
    finally:
        made.take_down()
