from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from holdfast.connections.bus_messages import Answer
from holdfast.connections.bus_survey import Gathering, Overdue, Survey
from holdfast.errors import ChannelError

read = msgspec.msgpack.Decoder(int).decode


def answer(name: str, value: object = 1, **fields: str) -> Answer:
    """Return an answer of an instance."""
    return Answer(sender=name, body=msgspec.msgpack.encode(value), **fields)


def peer(uid: str, beat: int = 1, bus: int = 1) -> SimpleNamespace:
    """Return an instance of the registry."""
    return SimpleNamespace(uid=uid, beat=beat, bus=bus)


async def test_gathering_ends_with_the_last_answer() -> None:
    """Also of one that nobody waited for there is an answer; the same one twice counts once."""
    gathering = Gathering({"a", "b"}, read)
    gathering.take(answer("c", 3))
    gathering.take(answer("a"))
    gathering.take(answer("a"))
    gathering.take(answer("b", 2))
    await gathering.wait()
    gathering.take(answer("d"))

    assert gathering.survey.answers == {"c": 3, "a": 1, "b": 2}
    assert gathering.survey.silent == []


async def test_gathering_ends_when_time_is_over() -> None:
    """Who has not answered is missing; who would not, or cannot be understood, has failed."""
    gathering = Gathering({"a", "b", "c"}, read)
    gathering.take(answer("b", slug="conflict", detail="again"))
    gathering.take(answer("c", "text"))
    gathering.end()
    gathering.end()
    await gathering.wait()

    assert gathering.survey.missing == ["a"]
    assert isinstance(gathering.survey.failures["b"], ChannelError)
    assert gathering.survey.failures["c"].slug == "internal_error"
    assert gathering.survey.silent == ["a", "b", "c"]


async def test_gathering_with_enough() -> None:
    """Then nobody is missing."""
    gathering = Gathering({"a", "b"}, read, lambda found: found == 2)
    gathering.take(answer("a", 2))
    await gathering.wait()

    assert gathering.survey == Survey({"a": 2})


async def test_gathering_for_nobody() -> None:
    """It is over before it begins."""
    await Gathering((), read).wait()


@pytest.mark.parametrize(("later", "worth"), [(peer("u", 1), False), (peer("u", 2), True), (peer("v", 1), True)])
def test_overdue_until_the_next_sign_of_life(later: SimpleNamespace, worth: bool) -> None:
    """A heartbeat, or another process of that name, is one."""
    overdue = Overdue()
    overdue.note({"a": peer("u", 1)}, Survey(missing=["a"]))

    assert overdue.worth_waiting({"a": later}) == ({"a"} if worth else set())


def test_overdue_forgets() -> None:
    """Whoever answers after all, or is gone, is no longer remembered; other versions are never waited for."""
    overdue = Overdue()
    others = {"a": peer("u"), "b": peer("v", bus=2)}
    overdue.note(others, Survey(missing=["a"]))
    overdue.note(others, Survey({"a": 1}))
    assert overdue.worth_waiting(others) == {"a"}

    overdue.note(others, Survey(missing=["a"]))
    overdue.note({}, Survey())
    assert overdue.worth_waiting(others) == {"a"}
