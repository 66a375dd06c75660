from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from holdfast.auth.passwords import LONGEST_BYTES, Passwords, Verdict, generated
from holdfast.settings_auth import PasswordSettings

CHEAP = PasswordSettings(memory=1024, iterations=1)


@pytest.fixture
def passwords() -> Passwords:
    """Return hashes that cost little."""
    return Passwords(CHEAP)


def test_verify_takes_the_password_alone(passwords: Passwords) -> None:
    """Another one, or another way to write it, is wrong."""
    kept = passwords.hash("correct horse")

    assert kept.startswith("$argon2id$")
    assert passwords.verify("correct horse", kept) == Verdict(True)
    assert passwords.verify("Correct horse", kept) == Verdict(False)


def test_verify_takes_the_same_characters_typed_in_another_way(passwords: Passwords) -> None:
    """A keyboard may send an accent on its own."""
    kept = passwords.hash("caf\u00e9 au lait")

    assert passwords.verify("cafe\u0301 au lait", kept).is_right


@pytest.mark.parametrize("kept", [None, "", "not a hash", "$argon2id$v=19$m=1024,t=1,p=1$broken"])
def test_verify_of_no_hash_is_wrong(passwords: Passwords, kept: str | None) -> None:
    """An account that is not there, or whose hash is damaged, lets nobody in."""
    assert passwords.verify("anything", kept) == Verdict(False)


def test_verify_of_nobody_does_the_same_work(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown account costs one comparison like any other."""
    passwords.prepare()
    calls: list[str] = []
    real = PasswordHasher.verify

    def verify(self: PasswordHasher, kept: str, given: bytes) -> bool:
        calls.append(kept)
        return real(self, kept, given)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    kept = passwords.hash("correct horse")
    passwords.verify("wrong", kept)
    passwords.verify("wrong", None)

    assert len(calls) == 2
    assert calls[0].split("$")[:4] == calls[1].split("$")[:4]


def test_verify_gives_a_new_hash_when_parameters_changed(passwords: Passwords) -> None:
    """Whoever logs in is moved to what the settings say now."""
    kept = Passwords(PasswordSettings(memory=2048, iterations=1)).hash("correct horse")
    verdict = passwords.verify("correct horse", kept)

    assert verdict.is_right
    assert verdict.rehashed is not None
    assert "m=1024" in verdict.rehashed
    assert passwords.verify("wrong", kept).rehashed is None


def test_verify_of_too_long_a_password_is_wrong(passwords: Passwords) -> None:
    """And is not even hashed whole."""
    assert passwords.verify("x" * (LONGEST_BYTES + 1), passwords.hash("x")) == Verdict(False)


@pytest.mark.parametrize(("password", "fault"), [("seven77", "at least 8"), ("x" * 2000, "at most"), ("eight888", "")])
def test_fault_says_what_is_expected(passwords: Passwords, password: str, fault: str) -> None:
    """Too short or too long, and nothing about the password itself."""
    said = passwords.fault(password)

    assert fault in said
    assert bool(said) == bool(fault)
    assert password not in said


def test_generated_passwords_can_be_taken(passwords: Passwords) -> None:
    """They are long enough, and different."""
    assert passwords.fault(generated()) == ""
    assert generated() != generated()
