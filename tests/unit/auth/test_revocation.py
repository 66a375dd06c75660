from __future__ import annotations

import math

import pytest

from holdfast.auth.claims import ConnectionClaims
from holdfast.auth.revocation import RevocationList


def claims(user: str = "u", iat: int = 100, jti: str = "j") -> ConnectionClaims:
    """Claims of a connection token."""
    return ConnectionClaims(user, issued_at=iat, jti=jti)


def test_token_is_revoked_by_its_id_until_the_entry_ends() -> None:
    """The one token is refused, others of the user are not, and the entry has an end."""
    revoked = RevocationList()
    revoked.revoke_token("j", now=1000, kept_seconds=60)

    assert revoked.find(claims(), 1000) == "token_revoked"
    assert revoked.find(claims(jti="other"), 1000) is None
    assert revoked.find(claims(jti=""), 1000) is None
    assert revoked.find(claims(), 1060) is None


def test_user_is_revoked_up_to_a_moment() -> None:
    """Tokens issued until the moment are refused, and those without `iat`; later ones are good."""
    revoked = RevocationList()
    revoked.revoke_user("u", issued_until=500, now=1000)

    assert revoked.find(claims(iat=500), 1000) == "user_revoked"
    assert revoked.find(claims(iat=0), 1000) == "user_revoked"
    assert revoked.find(claims(iat=501), 1000) is None
    assert revoked.find(claims(user="v"), 1000) is None


def test_user_may_be_revoked_for_tokens_to_come() -> None:
    """Infinity blocks the user for as long as the entry is kept."""
    revoked = RevocationList()
    revoked.revoke_user("u", issued_until=math.inf, now=1000, kept_seconds=10)

    assert revoked.find(claims(iat=2000), 1009) == "user_revoked"
    assert revoked.find(claims(iat=2000), 1010) is None


def test_incurable_reason_comes_first() -> None:
    """Of two reasons the one that no fresh token cures is told."""
    revoked = RevocationList()
    revoked.revoke_token("j", now=1000)
    revoked.revoke_user("u", issued_until=500, now=1000)

    assert revoked.find(claims(), 1000) == "user_revoked"


def test_revoking_again_never_weakens() -> None:
    """A second, shorter or earlier revocation leaves the stronger one."""
    revoked = RevocationList()
    revoked.revoke_token("j", now=1000, kept_seconds=100)
    revoked.revoke_token("j", now=1000, kept_seconds=1)
    revoked.revoke_user("u", issued_until=500, now=1000, kept_seconds=100)
    revoked.revoke_user("u", issued_until=1, now=1000, kept_seconds=1)

    assert len(revoked) == 2
    assert revoked.find(claims(user="x"), 1050) == "token_revoked"
    assert revoked.find(claims(iat=500), 1050) == "user_revoked"


def test_full_list_drops_ended_entries_only() -> None:
    """Room is made of what no longer counts; a revocation that counts is never dropped for a new one."""
    revoked = RevocationList(max_entries=2)
    revoked.revoke_token("a", now=1000, kept_seconds=10)
    revoked.revoke_user("b", issued_until=1, now=1000, kept_seconds=100)
    with pytest.raises(OverflowError):
        revoked.revoke_token("c", now=1005)
    revoked.revoke_user("b", issued_until=2, now=1005)
    revoked.revoke_token("c", now=1010)

    assert len(revoked) == 2
    assert revoked.find(claims(jti="c"), 1010) == "token_revoked"


def test_token_without_id_cannot_be_revoked() -> None:
    """An empty id would mean every token that has none."""
    with pytest.raises(ValueError):
        RevocationList().revoke_token("", now=0)


def test_entries_list_what_counts() -> None:
    """An operator reads what is revoked, why and until when; what has ended is not listed."""
    revoked = RevocationList()
    revoked.revoke_user("u", issued_until=1000, now=1000, kept_seconds=50, reason="stolen laptop")
    revoked.revoke_token("j", now=1000, kept_seconds=10, reason="leaked")
    revoked.revoke_token("k", now=1000, kept_seconds=100)

    assert [one[:3] for one in revoked.entries(1000)] == [("jti", "j", 1010), ("user", "u", 1050), ("jti", "k", 1100)]
    assert [one.reason for one in revoked.entries(1000)] == ["leaked", "stolen laptop", ""]
    assert [one.name for one in revoked.entries(1050)] == ["k"]


def test_reasons_are_forgotten_with_their_entries() -> None:
    """Making room drops the reasons too."""
    revoked = RevocationList(max_entries=1)
    revoked.revoke_token("j", now=1000, kept_seconds=10, reason="leaked")
    revoked.revoke_token("k", now=1020, kept_seconds=10)
    revoked.revoke_token("j", now=1040, kept_seconds=10)

    assert [(one.name, one.reason) for one in revoked.entries(1040)] == [("j", "")]


def test_entry_is_found_by_name() -> None:
    """A user's and a token's are two; what is not revoked has none."""
    revocations = RevocationList()
    revocations.revoke_user("a", issued_until=5.0, now=10.0, kept_seconds=60, reason="left")
    revocations.revoke_token("b", now=10.0, kept_seconds=60)

    assert revocations.entry("user", "a") == ("user", "a", 70.0, 5.0, "left")
    assert revocations.entry("jti", "b") == ("jti", "b", 70.0, 0.0, "")
    assert revocations.names() == [("user", "a"), ("jti", "b")]
    assert revocations.entry("user", "b") is None
    assert revocations.entry("jti", "a") is None
