from __future__ import annotations

import sys

import pytest

from holdfast.connections import traces

ATTEMPT = "00112233445566778899aabbccddeeff"


def test_trace_keeps_id_and_timings() -> None:
    """What is packed comes back, timings to a thousandth; steps that were not noted are not there."""
    trace = traces.pack(ATTEMPT, {"upgrade": 0.00123, "connect": 12.5})

    assert len(trace) == 25
    assert traces.attempt_of(trace) == ATTEMPT
    timings = traces.timings_of(trace)
    assert set(timings) == {"upgrade", "connect"}
    assert timings["upgrade"] == pytest.approx(0.00123, rel=1e-3)
    assert timings["connect"] == 12.5


def test_trace_keeps_what_the_client_can_do_for_nothing() -> None:
    """Whether it moves when it is asked to is a flag that takes no memory of its own."""
    mover, other = traces.pack(ATTEMPT, {}, can_migrate=True), traces.pack(ATTEMPT, {})

    assert traces.can_migrate(mover)
    assert not traces.can_migrate(other)
    assert not traces.can_migrate(b"")
    assert -(-sys.getsizeof(mover) // 16) == -(-sys.getsizeof(mover[:-1]) // 16)  # the allocator's unit


def test_trace_of_a_very_slow_attempt_is_capped() -> None:
    """No timing is too long to be packed."""
    assert traces.timings_of(traces.pack(ATTEMPT, {"connect": 1e9}))["connect"] == 65504.0


def test_trace_of_a_connection_without_one() -> None:
    """Before the connect there is no trace, and nothing to read from it."""
    assert traces.timings_of(b"") == {}
    assert traces.attempt_of(b"") == ""


@pytest.mark.parametrize("odd", ["", "attempt", "x" * 32, "ä" * 40])
def test_pack_id_takes_any_text(odd: str) -> None:
    """Ids that are not hexadecimal are kept as well as may be."""
    assert len(traces.pack_id(odd)) == 16


def test_key_of_differs_by_the_first_digits() -> None:
    """An index tells ids apart, in whichever case they are written."""
    assert traces.key_of(ATTEMPT) == traces.key_of(ATTEMPT.upper())
    assert traces.key_of(ATTEMPT) != traces.key_of("1" + ATTEMPT[1:])
    assert traces.key_of("f" * 32) < 2**60


def test_agents_are_shared_and_bounded() -> None:
    """Equal names are one string; a client cannot fill the memory with new ones, nor with long ones."""
    agents = traces.Agents()
    first = agents.share("js", "".join(["5", ".1"]))

    assert first == "js/5.1"
    assert agents.share("js", "".join(["5", ".1"])) is first
    assert agents.share("js", "") == "js"
    assert len(agents.share("x" * 1000, "y" * 1000)) == 64
    for number in range(1000):
        assert agents.share("app", str(number)) == f"app/{number}"
    assert len(agents) == 256
    assert agents.share("js", "5.1") is first


@pytest.mark.parametrize(
    ("agent", "sdk"), [("js/5.1", "js"), ("go", "go"), ("", "other"), ("my-app/1", "other"), ("jsx/1", "other")]
)
def test_sdk_of(agent: str, sdk: str) -> None:
    """SDKs are known by the name they give themselves."""
    assert traces.sdk_of(agent) == sdk
