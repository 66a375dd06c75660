"""Tests of holdfast.diagnostics.probe.talk."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.diagnostics.probe.link import EndedError, StrangeError
from holdfast.diagnostics.probe.talk import CommandError, Talk, command_error, connect_command, ended
from tests.probing import FakeLink

CONNECTED = {"id": 1, "connect": {"client": "c", "ping": 25, "pong": True}}


@pytest.mark.parametrize(("token", "sent"), [(None, {}), ("", {"token": ""}), ("t", {"token": "t"})])
def test_missing_token_is_not_an_empty_one(token: str | None, sent: dict[str, str]) -> None:
    """They are two causes."""
    connect = json.loads(connect_command(token))["connect"]

    assert {name: connect[name] for name in connect if name == "token"} == sent
    assert connect["name"] == "holdfast-probe"


async def test_pings_are_answered_once_the_server_wants_pongs() -> None:
    """The connect reply says whether."""
    link = FakeLink([{}], [CONNECTED], [{}, {"id": 9}, {}])
    talk = Talk(link)
    await talk.connected()

    assert await talk.listen() == 3
    assert link.lines == ["{}", "{}"]
    assert talk.pings == 3


async def test_server_that_wants_no_pongs_gets_none() -> None:
    """Pings are counted all the same."""
    link = FakeLink([{"id": 1, "connect": {"client": "c", "ping": 25}}, {}])
    talk = Talk(link)
    await talk.connected()

    assert (link.lines, talk.pings) == ([], 1)


async def test_push_before_the_reply_is_kept() -> None:
    """A publication may overtake the answer to its publish."""
    push = {"channel": "a", "pub": {"data": 1}}
    link = FakeLink([{"push": push}, {"id": 2, "publish": {}}], [{"push": push}])
    talk = Talk(link)

    assert await talk.ask(publish={"channel": "a"}) == {"id": 2, "publish": {}}
    assert link.commands() == [{"id": 2, "publish": {"channel": "a"}}]
    assert await talk.next_push() == push
    assert await talk.next_push() == push


async def test_error_reply_has_number_and_message() -> None:
    """Of connect and of every command."""
    talk = Talk(FakeLink([{"id": 1, "error": {"code": 109, "message": "token_expired"}}]))

    with pytest.raises(CommandError) as caught:
        await talk.connected()
    assert (caught.value.code, caught.value.message) == (109, "token_expired")


async def test_disconnect_push_ends_the_session() -> None:
    """As a close frame would."""
    talk = Talk(FakeLink([{"push": {"disconnect": {"code": 3501, "reason": "token_missing"}}}]))

    with pytest.raises(EndedError) as caught:
        await talk.connected()
    assert (caught.value.code, caught.value.reason) == (3501, "token_missing")


@pytest.mark.parametrize(
    "reply",
    [
        {"type": "welcome"},
        {"push": 1},
        {"id": 1, "connect": {"name": "holdfast-probe", "version": "1"}},
        {"id": 1},
        {"id": 1, "connect": []},
        {"id": 1, "error": "no"},
        {"id": 1, "error": {"code": "109"}},
        {"id": 1, "error": {"code": -1}},
    ],
)
async def test_other_protocols_are_told(reply: dict[str, Any]) -> None:
    """An echo of the command, too."""
    with pytest.raises(StrangeError, match="expected"):
        await Talk(FakeLink([reply])).connected()


def test_wild_errors_and_ends_are_bounded() -> None:
    """A server may send what it likes."""
    error = command_error({"code": 100, "message": "x" * 10_000})

    assert isinstance(error, CommandError)
    assert len(error.message) == 200
    assert isinstance(command_error(None), StrangeError)
    assert (ended({"code": "x", "reason": 5}).code, ended({"code": "x", "reason": 5}).reason) == (0, "5")
