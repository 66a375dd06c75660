"""Any bytes to the command decoder, any commands to a session: named errors, never an exception or a crash."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import ProtocolError
from holdfast.protocol.codec import JSON
from holdfast.protocol.commands import Command
from tests.brokers import Clock
from tests.live import EVERYTHING, World

METHODS = (
    "connect",
    "subscribe",
    "unsubscribe",
    "publish",
    "presence",
    "presence_stats",
    "history",
    "ping",
    "send",
    "rpc",
    "refresh",
    "sub_refresh",
)
FIELDS = (
    "channel",
    "token",
    "recover",
    "epoch",
    "offset",
    "data",
    "positioned",
    "recoverable",
    "join_leave",
    "delta",
    "tf",
    "nodes",
    "flag",
    "subs",
    "name",
    "version",
    "headers",
    "holdfast",
    "limit",
    "since",
    "reverse",
    "method",
)

numbers = st.integers() | st.sampled_from([0, 1, -1, 2**31, 2**32, 2**63, 2**64, 10**400]) | st.floats()
texts = st.text(max_size=12) | st.sampled_from(["", "news", "a:b", "$secret", "dialog#1,2", "x" * 300, "\0", "\ud7ff"])
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | texts, inner, max_size=4),
    max_leaves=8,
)
requests = anything | st.dictionaries(st.sampled_from(FIELDS), anything, max_size=5)
commands = st.dictionaries(st.sampled_from(METHODS) | texts, requests, max_size=2).flatmap(
    lambda found: numbers.map(lambda number: {"id": number, **found})
)
lines = (
    st.binary(max_size=60)
    | commands.map(lambda one: json.dumps(one).encode())
    | st.sampled_from([b"", b"{}", b"[" * 3000, b'{"id":' * 3000, b"\xff", b"\xef\xbb\xbf{}", b"nul", b'"\\ud800"'])
)


def decoded(data: bytes) -> list[Command] | str:
    """Return what the decoder makes of bytes: commands, or the slug of the refusal."""
    try:
        return JSON.decode(data)
    except ProtocolError as error:
        return error.slug


@given(lines)
def test_decoder_returns_commands_or_a_named_error(data: bytes):
    """Whatever comes, there is nothing but commands and ProtocolError; both name what a client must do."""
    found = decoded(data)

    if isinstance(found, str):
        assert found in {"malformed_json", "malformed_command"}
    else:
        assert all(isinstance(one, Command) for one in found)


@given(st.lists(lines.filter(lambda line: b"\n" not in line), max_size=5))
def test_decoder_takes_a_batch_as_its_lines_one_by_one(batch: list[bytes]):
    """A batch is refused if one of its lines is, else it is all their commands in order."""
    one_by_one = [decoded(line) for line in batch if line]
    found = decoded(b"\n".join(batch))

    refusals = [one for one in one_by_one if isinstance(one, str)]
    if refusals:
        assert found == refusals[0]
    else:
        assert found == [command for one in one_by_one for command in one]


@given(commands)
def test_decoder_agrees_with_a_plain_json_reader(command: dict[str, Any]):
    """Where it takes a command, id and methods are those of the JSON text."""
    found = decoded(json.dumps(command).encode())

    if not isinstance(found, str):
        (one,) = found
        assert one.id == command["id"]
        for method in METHODS:
            assert (getattr(one, method) is not None) == (command.get(method) is not None)


# Commands with the right types, so that they get past the decoder, in any order.
names = ["news", "chat", "cache:a", "dialog#eve"]
channels = st.sampled_from([*names * 4, "dialog#bob", "$secret", "unknown:x", "x" * 300, "\u2603"])
payloads = st.sampled_from([{}, {"a": 1}, "text", 0, None])
offsets = st.sampled_from([0, 1, 2, 2**63, 2**64 - 1])
epochs = st.sampled_from(["", "abcd"])
tokens = st.sampled_from(["VALID", "VALID", "VALID", "OTHER", "EXPIRED", "", " ", "null", "a.b.c"])
filters = st.recursive(
    st.sampled_from([{"key": "a", "cmp": "eq", "val": "1"}, {"key": "a", "cmp": "gt", "val": "x"}, {"cmp": "in"}, {}]),
    lambda inner: st.fixed_dictionaries(
        {"op": st.sampled_from(["and", "or", "not", "xor"]), "nodes": st.lists(inner, max_size=3)}
    ),
    max_leaves=5,
)
subscribe = st.fixed_dictionaries(
    {"channel": channels},
    optional={
        "token": tokens,
        "recover": st.booleans(),
        "offset": offsets,
        "epoch": epochs,
        "positioned": st.booleans(),
        "recoverable": st.booleans(),
        "join_leave": st.booleans(),
        "delta": st.sampled_from([*["", "fossil"] * 5, "other"]),
        "tf": filters,
    },
)
history = st.fixed_dictionaries(
    {"channel": channels},
    optional={
        "limit": st.sampled_from([-(2**31), -1, 0, 1, 2**31 - 1]),
        "since": st.fixed_dictionaries({"offset": offsets, "epoch": epochs}),
        "reverse": st.booleans(),
    },
)
of_a_channel = st.fixed_dictionaries({"channel": channels})
publish = st.fixed_dictionaries({"channel": channels, "data": payloads})
REQUESTS = {
    "subscribe": subscribe,
    "publish": publish,
    "history": history,
    "unsubscribe": of_a_channel,
    "presence": of_a_channel,
    "presence_stats": of_a_channel,
    "sub_refresh": st.fixed_dictionaries({"channel": channels, "token": tokens}),
    "refresh": st.fixed_dictionaries({"token": tokens}),
    "rpc": st.fixed_dictionaries({"method": st.text(max_size=3), "data": payloads}),
    "send": st.fixed_dictionaries({"data": payloads}),
    "ping": st.just({}),
}
TAILORED = {"allowed_delta_types": ["fossil"], "delta_publish": True, "allow_tags_filter": True}
# What closes the session at once comes seldom.
chosen = st.sampled_from([*["subscribe", "publish", "history"] * 4, *list(REQUESTS)[3:9] * 2, "refresh", "send"])
sessions = chosen.flatmap(lambda method: st.fixed_dictionaries({method: REQUESTS[method]}))
steps = st.lists(sessions | st.just("ping answered") | st.just("time passes"), min_size=5, max_size=25)


@settings(deadline=None, max_examples=200)
@given(steps, st.booleans())
def test_session_survives_any_commands(found: list[Any], in_one_message: bool):
    """Each command gets its reply or the connection a named close; nothing fails inside, nothing stays behind."""
    asyncio.run(run_session(found, in_one_message))


async def run_session(found: list[Any], in_one_message: bool) -> None:
    """Play a session to its end and look at what is left."""
    clock = Clock(1_700_000_000.0)
    options = {**EVERYTHING, **TAILORED, "force_recovery": True}
    namespaces = [{**options, "name": "cache", "force_recovery_mode": "cache", "auto_cache_recover": True}]
    world = await World(clock, channel={"without_namespace": options, "namespaces": namespaces}).start()
    client = world.connect("eve")
    asked = []
    batch = []
    for number, step in enumerate(found, 2):
        if step == "time passes":
            clock.advance(5)
        elif step == "ping answered":
            client.send("{}")
        else:
            command = {"id": number, **with_tokens(world, step)}
            asked += [number] if "send" not in step else []
            batch.append(command)
            if not in_one_message:
                client.send(command)
    if in_one_message and batch:
        client.send(*batch)
    await world.turn()
    replies = client.received()

    errors = [reply["error"]["message"] for reply in replies if "error" in reply]
    assert "internal_error" not in errors
    if client.transport.closed is None:
        assert [reply["id"] for reply in replies if "id" in reply] == asked
    else:
        assert client.transport.closed[1] != "server_error"
    client.hang_up()
    await world.turn()
    assert world.manager.count == 0
    assert len(world.hub) == 0
    assert await world.broker.presence("news") == {}
    await world.broker.stop()


def with_tokens(world: World, step: dict[str, Any]) -> dict[str, Any]:
    """Put real tokens in the places that ask for them."""
    ((method, request),) = step.items()
    made = {
        "VALID": lambda: world.token("eve", channel=request.get("channel", "")),
        "OTHER": lambda: world.token("bob", channel="other"),
        "EXPIRED": lambda: world.token("eve", exp=1, channel=request.get("channel", "")),
    }
    if request.get("token") in made:
        request = {**request, "token": made[request["token"]]()}
    return {method: request}
