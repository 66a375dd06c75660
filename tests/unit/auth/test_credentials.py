from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.auth.credentials import Credentials
from holdfast.auth.passwords import Passwords
from holdfast.auth.threads import BoundedThreads
from holdfast.auth.users import Users
from holdfast.settings_auth import AuthSettings, PasswordSettings

PASSWORD = "correct horse"
SETTINGS = PasswordSettings(memory=1024, iterations=1)


@pytest.fixture
def users(tmp_path: Path) -> Users:
    """Return accounts of which one is disabled and one hashed long ago."""
    users = Users(AuthSettings(users_path=tmp_path / "users"))
    for name in ("alice", "closed"):
        users.add(name, Passwords(SETTINGS).hash(PASSWORD))
    users.set_disabled("closed", True)
    users.add("old", Passwords(PasswordSettings(memory=2048, iterations=1)).hash(PASSWORD))
    return users


@pytest.fixture
async def credentials(users: Users) -> AsyncIterator[Credentials]:
    """Return what judges them."""
    database = BoundedThreads("users", 1, 10)
    found = Credentials(users, Passwords(SETTINGS), SETTINGS, database)
    await found.start()
    yield found
    found.stop()
    database.close()
    users.close()


@pytest.mark.parametrize(
    ("name", "password", "why"),
    [
        ("alice", PASSWORD, ""),
        ("alice", "wrong", "wrong_password"),
        ("closed", PASSWORD, "disabled"),
        ("closed", "wrong", "wrong_password"),
        ("nobody", PASSWORD, "unknown_user"),
        ("al\0ice", PASSWORD, "unknown_user"),
    ],
)
async def test_judge_says_why_not(credentials: Credentials, name: str, password: str, why: str) -> None:
    """For the log; whoever asked is not told."""
    user, found = await credentials.judge(name, password)

    assert found == why
    assert (user is None) == (why == "unknown_user")


async def test_judge_renews_an_old_hash(credentials: Credentials, users: Users) -> None:
    """Of who is let in."""
    await credentials.judge("old", "wrong")
    await credentials.judge("old", PASSWORD)
    user = users.by_name("old")

    assert user is not None
    assert "m=1024" in user.password_hash
