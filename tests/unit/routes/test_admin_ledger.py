from __future__ import annotations

import pytest

from holdfast.errors import DoorError
from holdfast.monitoring.ledger import Ledger
from holdfast.monitoring.lookup import Lookup
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_ledger import AdminLedger
from holdfast.settings_admin import LedgerSettings
from tests.brokers import Clock
from tests.live import World


@pytest.fixture
async def world() -> World:
    """An instance with a refused attempt, a connection that ended and one that lives."""
    world = await World(Clock(1_700_000_000.0)).start()
    world.core.recorder = Ledger(LedgerSettings())
    refused = world.open(attempt_id="f" * 32)
    refused.send({"id": 1, "connect": {"token": "x"}})
    refused.hang_up(3500, "token_malformed")
    world.connect("bob").hang_up()
    world.connect("anna")
    return world


@pytest.fixture
def answers(world: World) -> AdminLedger:
    """What answers."""
    assert isinstance(world.core.recorder, Ledger)
    return AdminLedger(Lookup(world.core, world.core.recorder), "here")


async def test_attempts(answers: AdminLedger) -> None:
    """Refused attempts are listed, with the moment from which on they are remembered."""
    answer = await answers.attempts(AdminRequest({}, {"stage": "token"}))

    assert (answer["instance"], answer["reaches_back_to"]) == ("here", 1_700_000_000.0)
    assert [one["slug"] for one in answer["attempts"]] == ["token_malformed"]


async def test_connections(answers: AdminLedger) -> None:
    """Live and ended ones are listed, or either."""
    everybody = await answers.connections(AdminRequest({}, {}))
    live = await answers.connections(AdminRequest({}, {"state": "live"}))
    ended = await answers.connections(AdminRequest({}, {"state": "ended", "user": "bob"}))

    assert {one["user"] for one in everybody["connections"]} == {"anna", "bob"}
    assert [one["state"] for one in live["connections"]] == ["live"]
    assert [one["slug"] for one in ended["connections"]] == ["client_gone"]


async def test_connection(world: World, answers: AdminLedger) -> None:
    """One is told by client id or attempt, in any case of its letters; an unknown one is refused."""
    (client,) = world.manager.connections

    live = await answers.connection(AdminRequest({"id": client}, {}))
    refused = await answers.connection(AdminRequest({"id": "F" * 32}, {}))

    assert (live["state"], live["client"], live["seen"]) == ("live", client, {})
    assert (refused["state"], refused["slug"]) == ("refused", "token_malformed")
    with pytest.raises(DoorError, match="unknown_attempt"):
        await answers.connection(AdminRequest({"id": "nobody"}, {}))


async def test_unknown_parameters(answers: AdminLedger) -> None:
    """A misspelt filter is refused everywhere."""
    for answer in (answers.attempts, answers.connections, answers.connection):
        with pytest.raises(DoorError, match="query_invalid"):
            await answer(AdminRequest({"id": "x"}, {"uesr": "1"}))
