from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.auth import refresh_tokens
from holdfast.auth.refresh_tokens import MOST_EXCHANGED, Exchange, RefreshToken, Session

NOW = 1_800_000_000.0
OVERLAP = 30.0
FIRST = b"m" * 16 + b"f" * 32
SALTS = (bytes([number]) * 16 for number in itertools.cycle(range(256)))


def exchanged(session: Session, shown: bytes, now: float = NOW) -> Exchange:
    """Show a session a token."""
    return refresh_tokens.exchange(session, shown, now, OVERLAP, next(SALTS))


def renewed(session: Session, shown: bytes, now: float = NOW) -> tuple[Session, bytes]:
    """Exchange the present token; return the session then, and the new token."""
    secret, after = exchanged(session, shown, now)
    assert secret is not None
    assert after is not None
    return after, secret


@given(st.text(max_size=128), st.binary(min_size=48, max_size=48))
def test_token_comes_back_as_it_was(user: str, secret: bytes) -> None:
    """Whatever a user is called."""
    token = RefreshToken(user, "0123456789abcdef" * 2, secret)

    assert refresh_tokens.read(refresh_tokens.write(token)) == token


@pytest.mark.parametrize(
    "text", ["", "a.b", "a.b.c.d", "YQ." + "0" * 32 + ".YQ", "\xff." + "0" * 32 + ".YQ", "." * 2000]
)
def test_read_of_something_else_is_none(text: str) -> None:
    """Garbage is no token."""
    assert refresh_tokens.read(text) is None


@given(st.text())
def test_read_takes_any_text(text: str) -> None:
    """Whatever comes as a cookie."""
    refresh_tokens.read(text)


def test_session_keeps_no_token() -> None:
    """Whoever sees the store can make neither the present token nor the next out of it."""
    first = refresh_tokens.begin(FIRST, 1, NOW)
    session, second = renewed(first, FIRST)
    kept = refresh_tokens.encode(session)

    assert FIRST not in kept
    assert second not in kept
    assert refresh_tokens.decode(kept) == session


def test_present_token_is_exchanged() -> None:
    """Its successor is another one, and the session says when."""
    session, second = renewed(refresh_tokens.begin(FIRST, 1, NOW), FIRST, NOW + 5)

    assert second != FIRST
    assert (session.started_at, session.refreshed_at) == (NOW, NOW + 5)


@pytest.mark.parametrize(("age", "is_honoured"), [(0.0, True), (OVERLAP, True), (OVERLAP + 0.1, False)])
def test_former_token_gives_the_same_successor_for_a_while(age: float, is_honoured: bool) -> None:
    """A lost answer can be asked for again; later somebody else has a copy."""
    session, second = renewed(refresh_tokens.begin(FIRST, 1, NOW), FIRST)

    assert exchanged(session, FIRST, NOW + age) == (second if is_honoured else None, None)


def test_token_before_the_former_leads_to_the_present_one() -> None:
    """A page that is loaded three times in a row loses nothing."""
    session, token = refresh_tokens.begin(FIRST, 1, NOW), FIRST
    for second in range(1, 6):
        session, token = renewed(session, token, NOW + second)

    assert exchanged(session, FIRST, NOW + 6) == (token, None)


def test_many_exchanges_at_once_stop_exchanging() -> None:
    """No page can make a session forget a token that it has still to honour."""
    session, token = refresh_tokens.begin(FIRST, 1, NOW), FIRST
    for _ in range(MOST_EXCHANGED):
        session, token = renewed(session, token)

    assert exchanged(session, token) == (token, None)
    assert exchanged(session, FIRST) == (token, None)
    later, another = renewed(session, token, NOW + OVERLAP + 1)
    assert another != token
    assert len(later.exchanged) == 1


def test_unknown_token_does_not_count() -> None:
    """A guess, or a token of long ago."""
    session = refresh_tokens.begin(FIRST, 1, NOW)

    assert exchanged(session, FIRST[:16] + b"x" * 32) == (None, None)


def test_mark_tells_old_tokens_from_guesses() -> None:
    """All tokens of a session have it, an ended one's too; nothing that is kept does."""
    session, second = renewed(refresh_tokens.begin(FIRST, 1, NOW), FIRST)
    over = refresh_tokens.ended(session, "session_replayed")

    assert all(refresh_tokens.is_marked(one, secret) for one in (session, over) for secret in (FIRST, second))
    assert not refresh_tokens.is_marked(session, b"x" * 48)
    assert FIRST[:16] not in refresh_tokens.encode(over)


@pytest.mark.parametrize("value", [b"", b"\xc1", b"\x90", b"\x95\x01\x02\x03\x04\x05"])
def test_session_of_another_form_is_none(value: bytes) -> None:
    """Another version may have kept it."""
    assert refresh_tokens.decode(value) is None


def test_number_needs_a_voucher() -> None:
    """What a token says of its age counts only where we said it, and of this session."""
    token = RefreshToken("alice", "0" * 32, FIRST, 7)
    text = refresh_tokens.write(token, b"key")
    moved = text.replace("0" * 32, "1" * 32)

    assert refresh_tokens.read(text, b"key") == token
    assert refresh_tokens.read(text, b"other") == token._replace(number=0)
    assert refresh_tokens.read(moved, b"key") == token._replace(session="1" * 32, number=0)


def test_clock_that_was_set_back_prolongs_nothing() -> None:
    """Neither the time in which an old token leads on, nor the session's life."""
    ahead = NOW + 1_000_000
    session, second = renewed(refresh_tokens.begin(FIRST, 1, ahead), FIRST, ahead)

    assert exchanged(session, FIRST, NOW).secret is None
    assert exchanged(session, FIRST, ahead - 1).secret == second
    assert renewed(session, second, NOW)[0].started_at == NOW
