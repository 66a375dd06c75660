from __future__ import annotations

import base64

import pytest

from holdfast.monitoring.log_tokens import LogIds, LogTokens
from tests.brokers import Clock

ATTEMPT = "0123456789abcdef0123456789abcdef"
CLIENT = "fedcba9876543210fedcba9876543210"
SECRET = b"s" * 32


def tokens_of(clock: Clock | None = None, remembered: int = 100, secret: bytes = SECRET) -> LogTokens:
    """Return tokens good for a minute."""
    return LogTokens(secret, 60.0, clock or Clock(), remembered)


@pytest.mark.parametrize("client", ["", CLIENT])
def test_token_is_good_once(client: str) -> None:
    """It says for which attempt and connection it was given."""
    tokens = tokens_of()
    token = tokens.issue(ATTEMPT, client)

    assert tokens.redeem(token) == LogIds(ATTEMPT, client)
    assert tokens.redeem(token) is None
    assert tokens.issue(ATTEMPT, client) != token


def test_token_that_was_only_read_stays_good() -> None:
    """Reading tells whether it would be taken; a used one is read by nobody."""
    tokens = tokens_of()
    token = tokens.issue(ATTEMPT, CLIENT)

    assert tokens.read(token) == tokens.read(token) == LogIds(ATTEMPT, CLIENT)
    assert tokens.redeem(token) is not None
    assert tokens.read(token) is None


def test_token_expires() -> None:
    """After its time it is good for nothing."""
    clock = Clock()
    tokens = tokens_of(clock)
    token = tokens.issue(ATTEMPT)
    late = tokens.issue(ATTEMPT)
    clock.advance(60.0)
    assert tokens.redeem(token) is not None
    clock.advance(1.0)

    assert tokens.redeem(late) is None


def test_token_of_an_instance_with_the_same_secret_is_good() -> None:
    """And of one with another secret it is not."""
    token = tokens_of().issue(ATTEMPT)

    assert tokens_of(secret=b"o" * 32).redeem(token) is None
    assert tokens_of().redeem(token) == LogIds(ATTEMPT, "")


@pytest.mark.parametrize("given", ["", "x", "é", "a" * 200, "YWJj", "====", "\x00", ATTEMPT])
def test_nonsense_is_no_token(given: str) -> None:
    """Whatever it is."""
    assert tokens_of().redeem(given) is None


@pytest.mark.parametrize("place", range(0, 60, 7))
def test_changed_token_is_no_token(place: int) -> None:
    """No byte can be changed."""
    tokens = tokens_of()
    raw = bytearray(base64.urlsafe_b64decode(tokens.issue(ATTEMPT, CLIENT)))
    raw[place] ^= 1

    assert tokens.redeem(base64.urlsafe_b64encode(bytes(raw)).decode()) is None


@pytest.mark.parametrize("attempt", ["", "c", "x" * 32, "ab" * 17])
def test_strange_id_gets_no_token(attempt: str) -> None:
    """Only ids of 32 hexadecimal digits name attempts."""
    assert tokens_of().issue(attempt) == ""
    assert tokens_of().issue(ATTEMPT, attempt) == "" or not attempt


def test_used_tokens_are_forgotten_when_they_have_expired_or_are_too_many() -> None:
    """Memory is bounded; an old one could be used again only after so many others."""
    clock = Clock()
    tokens = tokens_of(clock, remembered=3)
    many = [tokens.issue(ATTEMPT) for _ in range(5)]
    for token in many:
        assert tokens.redeem(token)

    assert len(tokens._used) == 3
    assert tokens.redeem(many[0]) is not None
    assert tokens.redeem(many[4]) is None

    clock.advance(61.0)
    tokens.redeem(tokens.issue(ATTEMPT))
    assert len(tokens._used) == 1


def test_token_of_an_instance_whose_secret_is_known_is_good() -> None:
    """Each gives tokens with its own secret and takes those of the others, once."""
    clock = Clock()
    here, there = (LogTokens(secret * 32, 60.0, clock) for secret in (b"h", b"t"))
    token = there.issue(ATTEMPT)
    assert here.redeem(token) is None
    here.others = (b"x" * 32, b"t" * 32)

    assert here.redeem(token) == LogIds(ATTEMPT, "")
    assert here.redeem(token) is None
    assert there.redeem(here.issue(ATTEMPT)) is None
