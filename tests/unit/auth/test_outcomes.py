from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from holdfast.auth import outcomes
from holdfast.auth.claims import ConnectionClaims
from holdfast.auth.jwt import Header
from holdfast.auth.locate import FoundToken
from holdfast.errors import TokenError
from holdfast.settings_logs import LogSettings
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import configure_logging

Maker = Callable[..., str]


@pytest.fixture
def debug() -> Iterator[None]:
    """Write debug lines too."""
    configure_logging(LogSettings(level="debug"))
    yield
    configure_logging(LogSettings())


def counted(slug: str) -> float:
    """Read the counter of one slug."""
    return float(metrics.TOKEN_VALIDATIONS.labels(slug)._value.get())


def test_accepted_is_one_line_and_one_count(debug: None, logged: list[Any], now: int) -> None:
    """The line has the claims that are no secret, the key and how old the token is."""
    before = counted("ok")
    claims = ConnectionClaims("42", expires_at=now + 5, issued_at=now - 5, jti="j", issuer="i", audience=("a",))
    outcomes.accepted("connection", FoundToken("t.t.t", "cookie"), claims, now, Header("HS256", "k"))

    assert counted("ok") == before + 1
    [line] = logged
    expected = {"slug": "ok", "source": "cookie", "kid": "k", "alg": "HS256", "sub": "42", "jti": "j", "iss": "i"}
    assert expected.items() <= line.items()
    assert (line["exp"], line["iat"], line["aud"], line["clock_difference_seconds"]) == (now + 5, now - 5, ("a",), 5)


def test_accepted_from_memory_says_so(debug: None, logged: list[Any], now: int) -> None:
    """A remembered token has no header to show."""
    outcomes.accepted("subscription", FoundToken("t", "connect"), ConnectionClaims("42"), now, None)

    assert logged[0]["is_remembered"] is True
    assert logged[0]["clock_difference_seconds"] is None


@pytest.mark.parametrize(
    ("slug", "level", "is_verified"),
    [
        ("token_expired", "info", True),
        ("token_unknown_key", "info", False),
        ("token_wrong_signature", "warning", False),
        ("subscription_token_wrong_channel", "warning", True),
        ("subscription_user_revoked", "warning", True),
        ("subscription_token_expired", "info", True),
    ],
)
def test_refused_is_one_line_and_one_count(
    logged: list[Any], make_token: Maker, now: int, slug: str, level: str, is_verified: bool
) -> None:
    """The line says what the token claims and whether that is proven; its level follows what the client does."""
    before = counted(slug)
    token = make_token({"sub": "42", "iat": now - 7, "jti": "j", "info": "private"}, kid="k")
    error = TokenError(slug, "why", extra=1)
    outcomes.refused("connection", FoundToken(token, "header"), error, now, 8192)

    assert counted(slug) == before + 1
    [line] = logged
    assert line["log_level"] == level
    expected = {"slug": slug, "source": "header", "detail": "why", "sub": "42", "jti": "j", "extra": 1}
    assert expected.items() <= line.items()
    assert (line["kid"], line["alg"], line["clock_difference_seconds"]) == ("k", "HS256", 7)
    assert line["is_verified"] is is_verified
    assert "form" not in line


def test_refused_never_shows_the_token(logged: list[Any], make_token: Maker, now: int) -> None:
    """No segment of the token and no private claim is in the line."""
    token = make_token({"sub": "42", "info": "private", "meta": "private"})
    outcomes.refused("connection", FoundToken(token, "query"), TokenError("token_wrong_signature"), now, 8192)

    text = repr(logged)
    assert "private" not in text
    assert not any(part in text for part in token.split("."))


@pytest.mark.parametrize(
    ("token", "form"), [("", '""'), ("null", "null"), ("undefined", "undefined"), ("  ", "blanks")]
)
def test_refused_empty_has_its_form(logged: list[Any], now: int, token: str, form: str) -> None:
    """An empty token's line says what was there instead."""
    outcomes.refused("connection", FoundToken(token, "connect"), TokenError("token_empty"), now, 8192)

    assert logged[0]["form"] == form


def test_refused_missing_has_no_form(logged: list[Any], now: int) -> None:
    """Missing is not empty."""
    outcomes.refused("connection", FoundToken("", "none"), TokenError("token_missing"), now, 8192)

    assert "form" not in logged[0]
    assert logged[0]["source"] == "none"


def test_lookups_are_counted_by_whether_the_token_was_remembered() -> None:
    """Hits and misses tell whether the memory is large enough."""

    def count(result: str) -> float:
        return metrics.REGISTRY.get_sample_value("holdfast_token_cache_lookups_total", {"result": result}) or 0.0

    before = count("hit"), count("miss")
    outcomes.looked_up(is_hit=True)
    outcomes.looked_up(is_hit=True)
    outcomes.looked_up(is_hit=False)

    assert (count("hit"), count("miss")) == (before[0] + 2, before[1] + 1)
