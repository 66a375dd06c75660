"""What is told of socket options."""

from __future__ import annotations

from holdfast.monitoring.socket_options import (
    SocketOption,
    granted_numbers,
    options_as_json,
    options_text,
    refused,
)

OPTIONS = (
    SocketOption("user_timeout_seconds", 30.0, 30.0),
    SocketOption("congestion", "bbr", "cubic", "No such file or directory"),
    SocketOption("notsent_lowat_bytes", None, None),
)


def test_metrics_have_the_numbers_alone() -> None:
    """A name is no sample, and what cannot be read is absent."""
    assert granted_numbers(OPTIONS) == {"user_timeout_seconds": 30.0}


def test_refused_are_those_with_a_reason() -> None:
    """Whatever was not asked for was not refused."""
    assert [one.name for one in refused(OPTIONS)] == ["congestion"]


def test_json_has_what_was_asked_and_what_came() -> None:
    """With the reason, where there is one."""
    told = options_as_json(OPTIONS)

    assert told["congestion"] == {"asked": "bbr", "granted": "cubic", "refusal": "No such file or directory"}
    assert told["notsent_lowat_bytes"] == {"asked": None, "granted": None}


def test_text_is_one_line() -> None:
    """For people."""
    assert options_text(OPTIONS) == "user_timeout_seconds 30, congestion cubic, notsent_lowat_bytes unknown"
