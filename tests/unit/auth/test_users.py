from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from holdfast.auth.users import UserExistsError, Users, account_of, name_fault
from holdfast.errors import LoginError
from holdfast.settings_auth import AuthSettings


@pytest.fixture
def users(tmp_path: Path) -> Iterator[Users]:
    """Return an empty database."""
    found = Users(AuthSettings(enabled=True, users_path=tmp_path / "users"), clock=lambda: 100.0)
    yield found
    found.close()


def test_user_is_found_by_name_and_id(users: Users) -> None:
    """However the name is typed."""
    added = users.add("Ada Lovelace", "hash", "42")

    assert users.by_name("  ada LOVELACE ") == added
    assert users.by_id("42") == added
    assert users.by_id("ada lovelace") is None
    assert users.by_name("ada") is None
    assert (added.name, added.is_disabled, added.generation, added.created_at) == ("Ada Lovelace", False, 1, 100.0)
    assert "hash" not in repr(added)


@pytest.mark.parametrize(("name", "user"), [("ALICE", ""), ("other", "alice")])
def test_name_and_id_are_taken_once(users: Users, name: str, user: str) -> None:
    """Nobody becomes somebody else by writing a name in another way."""
    users.add("alice", "hash")

    with pytest.raises(UserExistsError):
        users.add(name, "hash", user)


def test_all_are_listed_by_name(users: Users) -> None:
    """In the order of names."""
    for name in ("zoe", "Ada", "bob"):
        users.add(name, "hash")

    assert [user.name for user in users.all()] == ["Ada", "bob", "zoe"]


def test_what_ends_sessions_counts_up(users: Users) -> None:
    """Another password, a disabled account, signed out everywhere; and no more than those."""
    users.add("alice", "hash")
    users.set_password("alice", "other")
    users.set_disabled("alice", True)
    users.set_disabled("alice", False)
    users.end_sessions("alice")
    users.rehash("alice", "other", "newer")
    user = users.by_id("alice")

    assert user is not None
    assert (user.generation, user.password_hash, user.is_disabled) == (4, "newer", False)


def test_rehash_does_not_undo_a_change(users: Users) -> None:
    """A password that was changed meanwhile stays the new one."""
    users.add("alice", "old")
    users.set_password("alice", "new")
    users.rehash("alice", "old", "old again")
    user = users.by_id("alice")

    assert user is not None
    assert user.password_hash == "new"


def test_unknown_user_is_told(users: Users) -> None:
    """Nothing was changed."""
    assert not users.set_password("nobody", "hash")
    assert not users.set_disabled("nobody", True)
    assert not users.end_sessions("nobody")


def test_several_processes_share_a_file(tmp_path: Path) -> None:
    """All make the tables at once, and no change is lost."""
    settings = AuthSettings(enabled=True, users_path=tmp_path / "users")
    databases = [Users(settings) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda one: one.prepare(), databases))
        databases[0].add("alice", "hash")
        list(threads.map(lambda one: [one.end_sessions("alice") for _ in range(5)], databases))
    user = databases[0].by_id("alice")
    for one in databases:
        one.close()

    assert user is not None
    assert user.generation == 41


def test_database_that_fails_is_named(tmp_path: Path) -> None:
    """Whoever asked gets a cause, not a library's error with its statement."""
    engine = create_engine(f"sqlite:///{tmp_path}/none/users")
    users = Users(AuthSettings(), engine)

    with pytest.raises(LoginError, match="users_unavailable"):
        users.by_name("alice")
    users.close()


@pytest.mark.parametrize(
    ("name", "fault"), [("  ", "blanks"), ("x" * 129, "at most"), ("a\nb", "printed"), ("Ada", "")]
)
def test_name_fault_says_what_is_expected(name: str, fault: str) -> None:
    """Names are short and can be shown."""
    assert fault in name_fault(name)
    assert bool(name_fault(name)) == bool(fault)


@pytest.mark.parametrize("name", ["Straße", "\ufb01x", "É", "\u212bngstr\u00f6m"])
def test_account_of_an_account_is_itself(name: str) -> None:
    """Comparing twice is comparing once."""
    assert account_of(account_of(name)) == account_of(name)
