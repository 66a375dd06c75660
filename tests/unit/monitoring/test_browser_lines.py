from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import DoorError
from holdfast.monitoring.browser_lines import LONGEST_TEXT, Batch, BrowserLine, moment, read_batch

T = 1_700_000_000_000
LINE = {"t": T, "level": "warning", "event": "socket closed", "code": 1006}


def batch_of(**fields: Any) -> Batch:
    """Read a batch with one good line, or with what is given instead."""
    return read_batch(json.dumps({"log_token": "word", "lines": [LINE], **fields}).encode(), 10)


def test_batch_is_read() -> None:
    """Token, lines in order, and what the page says of each."""
    batch = batch_of(lines=[LINE, {"t": T + 1.5, "event": "retry"}], sent=T + 5)

    assert batch.token == "word"
    assert batch.sent == T + 5
    assert batch.lines == (
        BrowserLine("warning", "socket closed", T, {"code": 1006}),
        BrowserLine("info", "retry", T + 1.5, {}),
    )


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"lines": None}, "Lines: expected a list with lines, came nothing."),
        ({"lines": []}, "came a list without anything in it"),
        ({"lines": {}}, "came an object"),
        ({"lines": [LINE] * 11}, "at most 10, came 11"),
        ({"lines": ["x"]}, r"Lines\[0\]: expected an object, came a text"),
        ({"lines": [LINE, {**LINE, "t": None}]}, r"Lines\[1\].t: expected milliseconds"),
        ({"lines": [{**LINE, "t": True}]}, "milliseconds"),
        ({"lines": [{**LINE, "t": -1}]}, "milliseconds"),
        ({"lines": [{**LINE, "t": 1e300}]}, "milliseconds"),
        ({"lines": [{**LINE, "level": "fatal"}]}, "level: expected one of"),
        ({"lines": [{**LINE, "level": []}]}, "level: expected one of"),
        ({"lines": [{**LINE, "event": ""}]}, "event: expected a text"),
        ({"lines": [{**LINE, "event": 7}]}, "event: expected a text"),
        ({"lines": [{**LINE, "error": {"name": "x"}}]}, "'error': expected a plain value, came an object"),
        ({"lines": [{**LINE, "list": [1]}]}, "came a list"),
        ({"lines": [{**LINE, "n": 10**40}]}, "came a number out of range"),
        ({"lines": [{**LINE, **{f"f{n}": n for n in range(21)}}]}, "at most 20 further fields, came 22"),
        ({"sent": "now"}, "Sent: expected milliseconds"),
    ],
)
def test_malformed_batch_is_refused_with_its_place(fields: dict[str, Any], place: str) -> None:
    """Whoever writes the page reads what to change; the token stays good."""
    with pytest.raises(DoorError, match=place) as raised:
        batch_of(**fields)

    assert raised.value.slug == "log_batch_malformed"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'"x"', b"[" * 100_000])
def test_body_that_is_no_batch_is_refused(body: bytes) -> None:
    """No JSON, or another kind of it, however deep."""
    with pytest.raises(DoorError) as raised:
        read_batch(body, 10)

    assert raised.value.slug == "log_batch_malformed"


@pytest.mark.parametrize("token", [None, "", 7])
def test_batch_without_a_token_is_refused_as_that(token: object) -> None:
    """It is well-formed otherwise."""
    with pytest.raises(DoorError) as raised:
        batch_of(log_token=token)

    assert raised.value.slug == "log_token_invalid"


def test_long_texts_are_cut() -> None:
    """An error's stack is worth having, even if only its beginning."""
    line = batch_of(lines=[{**LINE, "event": "e" * 500, "stack": "s" * 5000, "k" * 99: 1}]).lines[0]

    assert (len(line.event), len(line.fields["stack"])) == (101, LONGEST_TEXT + 1)
    assert [len(name) for name in line.fields] == [4, 5, 41]


def test_clock_difference_is_by_the_moment_of_sending() -> None:
    """A browser ten minutes ahead is known for it."""
    assert batch_of(sent=T + 600_000).clock_difference(T / 1000) == 600.0
    assert batch_of(sent=T - 600_000).clock_difference(T / 1000) == -600.0


@pytest.mark.parametrize(("late", "difference"), [(0, 0.0), (1.5, 0.0), (2.5, -2.5)])
def test_time_on_the_way_is_no_clock_difference(late: float, difference: float) -> None:
    """A slow network must not move what a page saw behind what the gateway did later."""
    assert batch_of(sent=T).clock_difference(T / 1000 + late) == difference


def test_clock_difference_without_a_moment_of_sending_is_what_is_certain() -> None:
    """Lines may have waited, but none comes from the future."""
    assert batch_of().clock_difference(T / 1000 + 50) == 0.0
    assert batch_of().clock_difference(T / 1000 - 50) == 50.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (T / 1000 + 0.25, "2023-11-14T22:13:20.250Z"),
        (-5.0, "1970-01-01T00:00:00.000Z"),
        (1e300, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_moment_is_written_as_ours_are(seconds: float, text: str) -> None:
    """UTC, in milliseconds, whatever a clock says."""
    assert moment(seconds) == text


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@given(ANYTHING | st.fixed_dictionaries({"lines": st.lists(st.fixed_dictionaries({"t": ANYTHING, "event": ANYTHING}))}))
def test_anything_is_read_or_refused(given: object) -> None:
    """Nothing a page can send raises anything else."""
    with contextlib.suppress(DoorError):
        read_batch(json.dumps(given).encode(), 10)
