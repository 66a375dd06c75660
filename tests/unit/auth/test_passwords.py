from __future__ import annotations

from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters, low_level
from argon2.exceptions import InvalidHashError

from holdfast.auth.passwords import LONGEST_BYTES, Passwords, Verdict, generated
from holdfast.settings_auth import PasswordSettings

CHEAP = PasswordSettings(memory=1024, iterations=1)
NOW = PasswordSettings(memory=4096, iterations=2)


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


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note what each hash costs: KiB times passes."""
    done: list[int] = []
    compare, make, spend = PasswordHasher.verify, PasswordHasher.hash, low_level.hash_secret_raw

    def verify(self: PasswordHasher, kept: str, given: bytes) -> bool:
        done.append(cost_of(kept))
        return compare(self, kept, given)

    def hash_(self: PasswordHasher, given: bytes) -> str:
        done.append(self.memory_cost * self.time_cost)
        return make(self, given)

    def raw(given: bytes, salt: bytes, passes: int, memory: int, *rest: Any) -> bytes:
        done.append(passes * memory)
        return spend(given, salt, passes, memory, *rest)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    monkeypatch.setattr(PasswordHasher, "hash", hash_)
    monkeypatch.setattr("holdfast.auth.passwords.hash_secret_raw", raw)
    return done


def cost_of(kept: str) -> int:
    """Return what a hash costs; what is none is refused before any work."""
    try:
        found = extract_parameters(kept)
    except InvalidHashError:
        return 0
    return found.memory_cost * found.time_cost


@pytest.mark.parametrize(
    "kept",
    [None, "damaged", PasswordSettings(memory=1024, iterations=1), PasswordSettings(memory=2048, iterations=3), NOW],
)
def test_refusal_costs_the_same_for_whatever_is_kept(kept: PasswordSettings | str | None, work: list[int]) -> None:
    """Unknown, damaged, hashed long ago with less, or with what the settings say now."""
    passwords = Passwords(NOW)
    passwords.prepare()
    text = Passwords(kept).hash("correct horse") if isinstance(kept, PasswordSettings) else kept
    work.clear()

    assert passwords.verify("wrong", text) == Verdict(False)
    assert sum(work) == pytest.approx(4096 * 2, abs=2)


def test_right_password_of_a_disabled_account_costs_what_a_wrong_one_does(work: list[int]) -> None:
    """Where no new hash is made, the old one's cost is made up for."""
    text = Passwords(CHEAP).hash("correct horse")
    passwords = Passwords(NOW)
    passwords.prepare()
    work.clear()

    assert passwords.verify("correct horse", text, rehashes=False) == Verdict(True)
    assert sum(work) == 4096 * 2


def test_hash_that_cost_more_is_compared_all_the_same(work: list[int]) -> None:
    """What it costs more than the settings say cannot be made up for."""
    text = Passwords(NOW).hash("correct horse")
    work.clear()

    assert Passwords(CHEAP).verify("correct horse", text, rehashes=False).is_right
    assert work[-1] == 4096 * 2


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
