from __future__ import annotations

import pytest

from holdfast.errors import DoorError
from holdfast.monitoring.elsewhere import Elsewhere
from holdfast.monitoring.ledger import Ledger
from holdfast.monitoring.lookup import Lookup
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_ledger import AdminLedger
from holdfast.settings_admin import LedgerSettings
from tests.brokers import Clock
from tests.live import World
from tests.pair import Pair, lone_bus


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
    return AdminLedger(Lookup(world.core, world.core.recorder), "here", Elsewhere(lone_bus(world.core)))


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


async def test_answers_of_all_instances() -> None:
    """Any instance lists what all remember, newest first, and finds whom another one knows."""
    clock = Clock(1_700_000_000.0)
    pair = await Pair(clock).start()
    answers = {}
    for attempt, instance in (("a" * 32, pair.here), ("b" * 32, pair.there)):
        lookup = Lookup(instance.core, instance.ledger)
        answers[instance.name] = AdminLedger(lookup, instance.name, instance.cluster.elsewhere)
        refused = instance.open(attempt_id=attempt)
        refused.send({"id": 1, "connect": {"token": "x"}})
        refused.hang_up(3500, "token_malformed")
        instance.connect(f"user of {instance.name}")
        clock.advance(1)
    attempts = await answers["here"].attempts(AdminRequest({}, {"limit": "5"}))
    live = await answers["here"].connections(AdminRequest({}, {"state": "live", "user": "user of there"}))
    found = await answers["here"].connection(AdminRequest({"id": "B" * 32}, {}))

    assert [(one["instance"], one["attempt"][0]) for one in attempts["attempts"]] == [("there", "b"), ("here", "a")]
    assert attempts["reaches_back_to"] == 1_700_000_001.0
    assert "missing" not in attempts
    assert [one["instance"] for one in live["connections"]] == ["there"]
    assert (found["instance"], found["state"]) == ("there", "refused")


async def test_answers_without_the_others() -> None:
    """A broker that is away leaves what this instance knows, and says so."""
    pair = await Pair(Clock(1_700_000_000.0)).start()
    pair.here.connect()
    answers = AdminLedger(Lookup(pair.here.core, pair.here.ledger), "here", pair.here.cluster.elsewhere)
    pair.kill(pair.here)
    torn = await answers.connections(AdminRequest({}, {}))

    assert (len(torn["connections"]), torn["trouble"]) == (1, "broker_unavailable")
    with pytest.raises(DoorError, match=r"unknown_attempt.*broker_unavailable"):
        await answers.connection(AdminRequest({"id": "c" * 32}, {}))
