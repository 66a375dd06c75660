from __future__ import annotations

import pytest

from holdfast.verify import spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1min 30s", "90"), ("90", "90"), ("90s", "90"), ("1h", "3600"), ("1.5s", "1.5"),
     ("infinity", str(spans.UNLIMITED)), ("500ms", "0.5"), ("1fortnight", "1fortnight"), ("", ""),
     ("1" * 60 + "!", "1" * 60 + "!")],
)  # fmt: skip
def test_seconds_of_systemds_spelling(text, expected):
    """Spans of time become seconds; what is none stays as it is."""
    assert spans.seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "is_redis", "expected"),
    [("512M", False, "536870912"), ("1K", False, "1024"), ("512mb", True, "536870912"), ("512m", True, "512000000"),
     ("infinity", False, str(spans.UNLIMITED)), ("noeviction", True, "noeviction"), ("5%", False, "5%")],
)  # fmt: skip
def test_size_of_either_program(text, is_redis, expected):
    """Systemd's units are binary, Redis' only with a b; what is no size stays as it is."""
    assert spans.size(text, is_redis=is_redis) == expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s ago"), (119, "119 s ago"), (3660, "61 min ago"), (90000, "25 h ago"), (1e6, "12 days ago")],
)
def test_ago_has_the_unit_that_fits(seconds, text):
    """What people read: not 90000 seconds."""
    assert spans.ago(seconds) == text


def test_soft_limit_is_the_first_of_two():
    """`1024:524288` is compared by what a process starts with."""
    assert spans.soft("1024:524288") == "1024"
    assert spans.soft("4096") == "4096"
    assert spans.soft("infinity") == str(spans.UNLIMITED)


def test_number_has_a_fraction_only_where_it_needs_one():
    """90.0 is written 90, as the profile writes it."""
    assert (spans.number_of(90.0), spans.number_of(0.5)) == ("90", "0.5")
