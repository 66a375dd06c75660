from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.monitoring.log_tokens import LogIds, LogTokens
from holdfast.resilience.keyed_buckets import KeyedBuckets
from holdfast.resilience.token_bucket import TokenBucket
from holdfast.routes.client_logs import ClientLogRules, ClientLogs, Witnesses
from holdfast.settings_logs import LogSettings
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import configure_logging
from tests.asgi import Answer, call
from tests.brokers import Clock

ATTEMPT = "0123456789abcdef0123456789abcdef"
CLIENT = "fedcba9876543210fedcba9876543210"
NOW = 1_700_000_000.0
T = NOW * 1000


class World:
    """The endpoint, its tokens, a clock, and the log that it writes."""

    def __init__(self) -> None:
        self.clock = Clock(NOW)
        self.tokens = LogTokens(b"s" * 32, 60.0, self.clock)
        batches = KeyedBuckets(TokenBucket(1.0, 5), self.clock)
        lines = KeyedBuckets(TokenBucket(1.0, 20), self.clock)
        rules = ClientLogRules(4096, 10, batches, lines)
        users = {CLIENT: "anna"}
        witnesses = Witnesses(
            lambda peer, scheme, headers: (peer, scheme), lambda client: users.get(client, ""), self.clock
        )
        self.app = ClientLogs(self.tokens, rules, witnesses)
        self.stream = io.StringIO()

    async def post(
        self, *lines: dict[str, Any], token: str | None = None, peer: str = "192.0.2.1", **fields: Any
    ) -> Answer:
        """Hand in a batch, by default with a good token."""
        given = self.tokens.issue(ATTEMPT, CLIENT) if token is None else token
        body = json.dumps({"log_token": given, "lines": lines, **fields}).encode()
        return await call(self.app, "POST", body=body, client=(peer, 1))

    def written(self) -> list[dict[str, Any]]:
        """Return the log's lines."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def world() -> Iterator[World]:
    """A door with its log at hand."""
    one = World()
    configure_logging(LogSettings(level="debug", format="json"), one.stream)
    yield one
    configure_logging(LogSettings())


async def test_lines_come_out_as_ours(world: World) -> None:
    """With both ids, the user, and the browser's time beside ours."""
    answer = await world.post({"t": T - 10_000, "level": "warning", "event": "closed", "code": 1006}, sent=T + 60_000)
    line = world.written()[0]

    assert (answer.status, answer.json()["accepted"]) == (200, 1)
    assert {
        "level": "warning",
        "category": "client",
        "event": "browser_line",
        "side": "browser",
        "attempt": ATTEMPT,
        "client": CLIENT,
        "user": "anna",
        "address": "192.0.2.1",
        "browser_time": "2023-11-14T22:13:10.000Z",
        "at": "2023-11-14T22:12:10.000Z",
        "clock_difference_seconds": 60.0,
        "said": "closed",
        "browser": {"code": 1006},
    }.items() <= line.items()


async def test_answer_brings_the_next_token(world: World) -> None:
    """For the same attempt and connection; the old one is used up."""
    token = world.tokens.issue(ATTEMPT)
    answer = await world.post({"t": T, "event": "a"}, token=token)
    again = await world.post({"t": T, "event": "a"}, token=token)

    assert world.tokens.redeem(answer.json()["log_token"]) == LogIds(ATTEMPT, "")
    assert (again.status, again.json()["slug"]) == (403, "log_token_invalid")
    assert "client" not in world.written()[0]


async def test_lines_keep_their_order(world: World) -> None:
    """As the page gave them."""
    await world.post(*({"t": T, "event": str(number)} for number in range(10)))

    assert [line["said"] for line in world.written()] == [str(number) for number in range(10)]


async def test_hostile_line_forges_nothing(world: World) -> None:
    """No field of ours can be set, no secret comes out, and in text nothing breaks out of its line."""
    hostile = {
        "t": T,
        "event": "x\n2026-01-01 [error] forged\x1b[2J",
        "slug": "shutdown",
        "user": "root",
        "attempt": "0" * 32,
        "category": "auth",
        "instance": "other",
        "token": "geheim",
        "url": "wss://x/?token=geheim",
        "evil\nkey": "a\nb",
    }
    await world.post(hostile)
    line = world.written()[0]
    assert (line["user"], line["attempt"], line["category"]) == ("anna", ATTEMPT, "client")
    assert "slug" not in line
    assert line["browser"]["user"] == "root"
    assert "geheim" not in world.stream.getvalue()

    stream = io.StringIO()
    configure_logging(LogSettings(level="debug", format="text"), stream)
    await world.post(hostile)
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


async def test_malformed_batch_leaves_its_token_good(world: World) -> None:
    """A fault in the page costs no token."""
    token = world.tokens.issue(ATTEMPT)
    refused = await world.post({"t": "x", "event": "a"}, token=token)

    assert (refused.status, refused.json()["slug"]) == (400, "log_batch_malformed")
    assert "lines[0].t" in refused.json()["message"].lower()
    assert (await world.post({"t": T, "event": "a"}, token=token)).status == 200


async def test_one_address_is_limited(world: World) -> None:
    """And told to wait; others are not."""
    answers = [await world.post({"t": T, "event": "a"}) for _ in range(6)]
    other = await call(world.app, "POST", body=b"{}", client=("192.0.2.2", 1))

    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json()["slug"] == "rate_limited"
    assert answers[-1].headers["retry-after"] == "1"
    assert other.status == 400


async def test_all_browsers_together_are_limited(world: World) -> None:
    """By lines; a batch that does not fit keeps its token."""
    lines = [{"t": T, "event": "a"}] * 10
    token = world.tokens.issue(ATTEMPT)
    answers = [await world.post(*lines) for _ in range(2)] + [await world.post(*lines, token=token)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert world.tokens.redeem(token) is not None


@pytest.mark.parametrize(
    ("method", "body", "status", "slug"),
    [("GET", b"", 405, "method_not_allowed"), ("POST", b"x" * 5000, 413, "body_too_large")],
)
async def test_wrong_request_is_refused(world: World, method: str, body: bytes, status: int, slug: str) -> None:
    """Before anything is read from it, and counted."""
    before = metrics.REGISTRY.get_sample_value("holdfast_client_log_batches_total", {"slug": slug}) or 0
    answer = await call(world.app, method, body=body)

    assert (answer.status, answer.json()["slug"]) == (status, slug)
    assert metrics.REGISTRY.get_sample_value("holdfast_client_log_batches_total", {"slug": slug}) == before + 1


async def test_client_that_leaves_is_nobodys_fault(world: World) -> None:
    """A page that is closed half way."""
    answer = await call(world.app, "POST", body=None)

    assert answer.status == 0
    assert world.written() == []


async def test_strangers_use_up_nothing(world: World) -> None:
    """Lines without a good token take nothing from what all browsers share."""
    for _ in range(5):
        refused = await world.post(*[{"t": T, "event": "x"}] * 10, token="A" * 80)
        assert refused.json()["slug"] == "log_token_invalid"
    world.clock.advance(1.0)

    assert (await world.post(*[{"t": T, "event": "x"}] * 10)).status == 200


async def test_addresses_of_one_network_are_limited_together(world: World) -> None:
    """Another IPv6 address for each batch is no way around the rate."""
    answers = [await world.post({"t": T, "event": "x"}, peer=f"2001:db8::{number}") for number in range(7)]

    assert [answer.status for answer in answers] == [200] * 5 + [429] * 2


async def test_token_of_another_instance_is_learnt(world: World) -> None:
    """A door that learns of another instance looks at the token once more; one that learns nothing refuses it."""
    other = LogTokens(b"o" * 32, 60.0, world.clock)
    lessons = [False, True]

    async def learn() -> bool:
        is_news = lessons.pop(0)
        world.tokens.others = (b"o" * 32,) if is_news else ()
        return is_news

    world.app._witnesses = dataclasses.replace(world.app._witnesses, learn=learn)
    token = other.issue(ATTEMPT)
    statuses = [(await world.post({"t": T, "event": "a"}, token=token)).status for _ in range(2)]

    assert statuses == [403, 200]
    assert len([line for line in world.written() if line["event"] == "browser_line"]) == 1
