"""Tests of holdfast.diagnostics.probe.numbers."""

from __future__ import annotations

import pytest

from holdfast.codes import ALL
from holdfast.diagnostics.probe.numbers import Phase, close_verdict, error_verdict

OURS = [code for code in ALL if code.kind in {"close", "error"} and not code.slug.startswith("application")]


@pytest.mark.parametrize("code", OURS, ids=lambda code: code.slug)
def test_slug_of_ours_is_the_verdict(code) -> None:
    """Number and slug together name the cause, and nothing is guessed."""
    judge = close_verdict if code.kind == "close" else error_verdict

    assert judge(code.number, code.slug, "connect").slug == code.slug


@pytest.mark.parametrize(
    ("number", "message", "phase", "slug", "stage"),
    [
        (109, "token expired", "connect", "token_expired", "token"),
        (109, "token expired", "subscribe", "subscription_token_expired", "subscribe"),
        (103, "permission denied", "subscribe", "permission_denied", "subscribe"),
        (102, "unknown channel", "subscribe", "unknown_channel", "subscribe"),
        (100, "internal server error", "connect", "internal_error", "connect"),
        (111, "too many requests", "message", "too_many_requests", "message"),
        (1000, "no such room", "subscribe", "application_error", "subscribe"),
        (99, "", "connect", "connect_refused", "connect"),
        (2**31, "x", "subscribe", "subscribe_refused", "subscribe"),
        (1911, "token_expired", "connect", "connect_refused", "connect"),
    ],
)
def test_error_of_another_server_means_what_its_number_says(
    number: int, message: str, phase: Phase, slug: str, stage: str
) -> None:
    """Centrifugo's numbers are known, all others are refusals for a reason of their own."""
    found = error_verdict(number, message, phase)

    assert (found.slug, found.stage) == (slug, stage)


@pytest.mark.parametrize(
    ("number", "reason", "phase", "slug", "stage"),
    [
        (3500, "invalid token", "connect", "token_refused", "token"),
        (3501, "bad request", "connect", "connect_refused", "connect"),
        (3501, "bad request", "message", "closed_by_server", "message"),
        (3502, "stale", "connect", "handshake_timeout", "connect"),
        (3001, "shutdown", "idle", "shutdown", "idle"),
        (3012, "no pong", "idle", "no_pong", "idle"),
        (3504, "connection limit", "connect", "connection_limit", "connect"),
        (4001, "by the backend", "idle", "application", "idle"),
        (4500, "", "connect", "application", "connect"),
        (1001, "", "idle", "closed_by_server", "idle"),
        (1008, "", "connect", "closed_by_server", "connect"),
        (1005, "", "idle", "closed_by_server", "idle"),
        (0, "", "idle", "closed_by_server", "idle"),
    ],
)
def test_close_of_another_server_means_what_its_number_says(
    number: int, reason: str, phase: Phase, slug: str, stage: str
) -> None:
    """A number that stands for several causes never becomes one of them."""
    found = close_verdict(number, reason, phase)

    assert (found.slug, found.stage) == (slug, stage)


def test_token_causes_belong_to_the_tokens_stage() -> None:
    """They come in answer to connect."""
    assert close_verdict(3500, "token_wrong_signature", "connect").stage == "token"
    assert error_verdict(109, "token_unknown_key", "connect").stage == "token"
    assert error_verdict(103, "subscription_token_missing", "subscribe").stage == "subscribe"
    assert close_verdict(3005, "connection_expired", "idle").stage == "idle"


def test_text_of_a_server_is_shown_bounded_and_clean() -> None:
    """It reaches a terminal."""
    cause = close_verdict(4001, "\x1b[31m" + "x" * 500, "idle").cause

    assert "\x1b" not in cause
    assert len(cause) < 500
    assert "without a reason" in error_verdict(99, "", "connect").cause
