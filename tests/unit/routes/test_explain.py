from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.monitoring.elsewhere import Elsewhere
from holdfast.monitoring.ledger import Ledger
from holdfast.monitoring.lookup import Lookup
from holdfast.resilience.keyed_buckets import KeyedBuckets
from holdfast.resilience.token_bucket import TokenBucket
from holdfast.routes.explain import ExplainEndpoint, ExplainRules, Witness, no_log_token
from holdfast.settings_admin import LedgerSettings
from tests.asgi import Answer, call
from tests.brokers import Clock
from tests.live import Client, World
from tests.pair import Pair, lone_bus

CID = "0123456789abcdef0123456789abcdef"


class Asked:
    """An endpoint and the instance behind it."""

    def __init__(self, world: World, burst: int = 100, overall: int = 100, elsewhere: Elsewhere | None = None) -> None:
        self.world = world
        self.is_draining = False
        ledger = world.core.recorder = Ledger(LedgerSettings())
        witness = Witness(
            Lookup(world.core, ledger),
            elsewhere or Elsewhere(lone_bus(world.core)),
            lambda peer, scheme, headers: (dict(headers).get(b"x-forwarded-for", b"").decode() or peer, scheme),
            world.core.instance,
            lambda: self.is_draining,
            lambda attempt, client: f"token of {attempt[:4]} {client[:4]}",
        )
        buckets = [KeyedBuckets(TokenBucket(1, size), world.clock) for size in (burst, overall)]
        self.endpoint = ExplainEndpoint(witness, ExplainRules(*buckets))

    async def get(self, query: str = f"cid={CID}", **given: Any) -> Answer:
        """Ask."""
        return await call(self.endpoint, path="/connection/explain", query_string=query.encode(), **given)

    def open(self) -> Client:
        """Begin an attempt."""
        return self.world.open(query=b"cid=" + CID.encode(), attempt_id=CID)


@pytest.fixture
async def asked() -> Asked:
    """An instance that has not seen anybody."""
    return Asked(await World(Clock(1_700_000_000.0)).start())


async def test_refused_attempt(asked: Asked) -> None:
    """The page gets cause, meaning, remedy, stage and moment, and a token for its log lines."""
    client = asked.open()
    client.send({"id": 1, "connect": {"token": ""}})
    client.hang_up(3501, "token_empty")
    answer = await asked.get()
    body = answer.json()

    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert (body["cid"], body["slug"], body["number"], body["stage"]) == (CID, "token_empty", 3501, "token")
    assert (body["state"], body["at"], body["instance"]) == ("refused", 1_700_000_000.0, "here")
    assert body["meaning"]
    assert body["remedy"]
    assert body["seen"] == {}
    assert body["log_token"] == "token of 0123 "


async def test_live_and_ended_connection(asked: Asked) -> None:
    """A connection that lives is told since when; one that ended, why."""
    client = asked.open()
    before = (await asked.get()).json()
    client.call("connect", token=asked.world.token())
    live = (await asked.get(f"cid={CID.upper()}")).json()
    client.hang_up(1000)
    ended = (await asked.get()).json()

    assert (before["state"], before["slug"]) == ("opening", "ok")
    assert (live["state"], live["slug"], live["connected_since"]) == ("live", "ok", 1_700_000_000.0)
    assert (live["cid"], live["log_token"]) == (CID, f"token of 0123 {client.connection.client[:4]}")
    assert (ended["state"], ended["slug"], ended["number"]) == ("ended", "client_closed", 1000)


async def test_connection_that_is_being_closed(asked: Asked) -> None:
    """Told to go, and not gone: a client that reads slowly hears of it late, and whoever asks meanwhile at once."""
    client = asked.open()
    client.call("connect", token=asked.world.token())
    client.connection.close("slow_consumer")
    body = (await asked.get()).json()

    assert (body["state"], body["slug"], body["number"]) == ("ending", "slow_consumer", 3008)
    assert body["connected_since"] == 1_700_000_000.0


async def test_connect_that_may_be_repeated(asked: Asked) -> None:
    """While a client may still repeat its connect, the answer is why the last one was refused."""
    asked.open().send({"id": 1, "connect": {"token": asked.world.token(exp=1)}})
    body = (await asked.get()).json()

    assert (body["state"], body["slug"], body["stage"]) == ("opening", "token_expired", "token")


async def test_unknown_attempt(asked: Asked) -> None:
    """Nobody saw it: the answer lists what that may mean, on a draining instance its drain first."""
    answer = await asked.get()
    assert (answer.status, answer.json()["slug"]) == (404, "unknown_attempt")
    assert answer.headers["access-control-allow-origin"] == "*"
    causes = answer.json()["causes"]
    asked.is_draining = True

    assert len((await asked.get()).json()["causes"]) == len(causes) + 1


@pytest.mark.parametrize(
    "query",
    ["", "cid=", "cid=0123", f"cid={CID}0", f"cid={CID}&cid={CID}", "cid=" + "g" * 32, "cid=" + "0" * 9000, "cid=%00"],
)
async def test_odd_ids_are_refused(asked: Asked, query: str) -> None:
    """Only an id as clients make it is looked for; a page may read why another is not."""
    answer = await asked.get(query)

    assert (answer.status, answer.json()["slug"]) == (400, "query_invalid")
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_other_parameters_do_not_matter(asked: Asked) -> None:
    """What caches are fooled with is ignored."""
    assert (await asked.get(f"_=1&cid={CID}&x=%ff")).status == 404


async def test_other_methods_are_refused(asked: Asked) -> None:
    """It is only asked."""
    answer = await asked.get(method="POST")

    assert (answer.status, answer.headers["allow"]) == (405, "GET")


async def test_each_address_has_its_rate(asked: Asked) -> None:
    """Who asks too often waits; others are answered meanwhile."""
    few = Asked(asked.world, burst=2)
    statuses = [(await few.get()).status for _ in range(3)]
    refused = await few.get()
    other = await few.get(headers=[("X-Forwarded-For", "192.0.2.7")])

    assert statuses == [404, 404, 429]
    assert refused.json()["slug"] == "rate_limited"
    assert refused.headers["retry-after"]
    assert other.status == 404


async def test_all_together_have_a_rate(asked: Asked) -> None:
    """Many addresses cannot make it dear either."""
    few = Asked(asked.world, overall=2)
    statuses = [(await few.get(headers=[("X-Forwarded-For", f"192.0.2.{number}")])).status for number in range(3)]

    assert statuses == [404, 404, 429]


def test_no_log_token_is_empty() -> None:
    """Where nobody gives tokens there is none."""
    assert no_log_token("a", "b") == ""


async def test_addresses_of_one_network_are_limited_together() -> None:
    """Another IPv6 address for each question is no way around the rate."""
    asked = Asked(await World(Clock(1_700_000_000.0)).start(), burst=2)
    answers = [await asked.get(client=(f"2001:db8::{number}", 1)) for number in range(3)]

    assert [answer.status for answer in answers] == [404, 404, 429]


async def test_attempt_at_another_instance() -> None:
    """Any instance answers for it, with that one's name and log token; who does not answer is named."""
    pair = await Pair(Clock(1_700_000_000.0)).start()
    here = Asked(pair.here, elsewhere=pair.here.cluster.elsewhere)
    client = Asked(pair.there, elsewhere=pair.there.cluster.elsewhere).open()
    client.send({"id": 1, "connect": {"token": ""}})
    client.hang_up(3501, "token_empty")
    body = (await here.get()).json()

    assert (body["slug"], body["instance"], body["state"]) == ("token_empty", "there", "refused")
    assert body["log_token"] == "token of 0123 "
    assert len((await here.get("cid=" + "f" * 32)).json()["causes"]) == 3

    pair.kill(pair.there)
    asking = asyncio.ensure_future(here.get("cid=" + "f" * 32))
    assert "did not answer: there" in (await pair.until_timers(pair.here, asking)).json()["causes"][0]
    pair.kill(pair.here)
    assert "the broker is away" in (await here.get("cid=" + "f" * 32)).json()["causes"][0]
