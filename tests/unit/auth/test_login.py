from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.auth.grants import Granted
from holdfast.auth.issuer import TokenIssuer
from holdfast.auth.lockout import AddressRate, Lockouts
from holdfast.auth.login import Attempt, Desk, LoginService
from holdfast.auth.passwords import Passwords, Verdict
from holdfast.auth.peek import peek
from holdfast.auth.seals import Seals
from holdfast.auth.sessions import Sessions
from holdfast.auth.users import Users
from holdfast.broker.counters import MemoryCounters
from holdfast.broker.sessions import MemorySessions
from holdfast.errors import LoginError
from holdfast.resilience.keyed_buckets import KeyedBuckets
from holdfast.resilience.token_bucket import TokenBucket
from holdfast.settings import TokenSettings
from holdfast.settings_auth import AuthSettings, LockoutSettings, PasswordSettings
from tests.brokers import Clock

PASSWORD = "correct horse"
SECRET = "s" * 32


class Ender:
    """Remembers what was ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    async def end_session(self, session: str, reason: str) -> int:
        """Remember a session."""
        self.ended.append(session)
        return 1

    async def end_user(self, user: str, reason: str) -> int:
        """Remember a user."""
        self.ended.append(user)
        return 2


class World:
    """A login with one user, whose clocks stand still."""

    def __init__(self, path: Path) -> None:
        self.settings = AuthSettings(
            users_path=path,
            channels=("personal:{user}",),
            password=PasswordSettings(memory=1024, iterations=1),
            lockout=LockoutSettings(failures=3, burst=20),
        )
        self.clock = Clock(1_800_000_000.25)
        self.ender = Ender()
        self.users = Users(self.settings, clock=self.clock)
        self.passwords = Passwords(self.settings.password)
        issuer = TokenIssuer(TokenSettings.model_validate({"hmac_secret": SECRET}), clock=self.clock)
        self.counters = MemoryCounters(self.clock)
        self.desk = Desk(
            users=self.users,
            passwords=self.passwords,
            sessions=Sessions(self.settings, MemorySessions(self.clock), self.clock, b"k"),
            lockouts=Lockouts(self.settings.lockout, self.counters),
            rates=AddressRate(self.settings.lockout, self.counters, self.clock),
            refreshes=KeyedBuckets(TokenBucket(self.settings.refresh_rate, self.settings.refresh_burst), self.clock),
            issuer=issuer,
            seals=Seals(SECRET.encode()),
            ender=self.ender,
        )
        self.service = LoginService(self.settings, self.desk, self.clock)
        self.users.add("Alice", self.passwords.hash(PASSWORD))

    async def log_in(self, password: str = PASSWORD, name: str = "alice", **more: str) -> Granted:
        """Try to log in."""
        address = more.pop("address", "192.0.2.1")
        return await self.service.log_in(Attempt(name, password, address=address, party=address, **more))

    async def refused(self, work: object) -> LoginError:
        """Return why some work was refused."""
        with pytest.raises(LoginError) as found:
            await work  # type: ignore[misc]  # a coroutine
        return found.value


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Return a login that has started."""
    found = World(tmp_path / "users")
    await found.service.start()
    yield found
    await found.service.stop()


async def test_login_gives_a_token_of_the_session(world: World) -> None:
    """With user, name, channels and an end; its id is the session's."""
    granted = await world.log_in(name=" ALICE ")
    said = peek(granted.token, 8192)

    assert said.claims["sub"] == "alice"
    assert said.claims["info"] == {"name": "Alice"}
    assert said.claims["channels"] == ["personal:alice"]
    assert said.claims["jti"] == granted.session.id
    assert granted.expires_in == 599.75
    assert said.claims["exp"] == world.clock.now + granted.expires_in


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("closed", PASSWORD)])
async def test_refusals_look_the_same(world: World, name: str, password: str) -> None:
    """Wrong, unknown and disabled: one cause, one text; the log's reason goes to nobody else."""
    world.users.add("closed", world.passwords.hash(PASSWORD))
    world.users.set_disabled("closed", True)
    error = await world.refused(world.log_in(password, name))

    assert (error.slug, error.detail) == ("login_refused", "")
    assert error.context["why"] in {"wrong_password", "unknown_user", "disabled"}


async def test_failures_lock_and_success_forgets(world: World) -> None:
    """The one who failed, and not who comes from elsewhere."""
    for _ in range(3):
        await world.refused(world.log_in("wrong"))
    error = await world.refused(world.log_in())

    assert (error.slug, error.context["retry_after"]) == ("login_locked", 5)
    assert (await world.log_in(address="198.51.100.7")).user.id == "alice"
    world.clock.advance(5)
    assert (await world.log_in()).user.id == "alice"
    assert (await world.refused(world.log_in("wrong"))).slug == "login_refused"


async def test_unknown_accounts_are_locked_too(world: World) -> None:
    """A lock does not tell which accounts there are."""
    for _ in range(3):
        await world.refused(world.log_in("wrong", "nobody"))

    assert (await world.refused(world.log_in("wrong", "nobody"))).slug == "login_locked"


async def test_many_guesses_at_once_are_no_way_around(world: World) -> None:
    """Each counts before its password is checked."""
    guesses = await asyncio.gather(*(world.log_in("wrong") for _ in range(15)), return_exceptions=True)
    causes = [error.slug for error in guesses if isinstance(error, LoginError)]

    assert causes.count("login_refused") == 3
    assert causes.count("login_locked") == 12


async def test_address_has_a_rate(world: World) -> None:
    """However many names it tries."""
    causes = [(await world.refused(world.log_in("wrong", f"user-{number}"))).slug for number in range(25)]

    assert causes == ["login_refused"] * 20 + ["login_locked"] * 5


async def test_known_device_passes_a_locked_account(world: World) -> None:
    """Its cookie says that this account has logged in there."""
    device = (await world.log_in()).device
    for number in range(world.settings.lockout.account_failures):
        await world.refused(world.log_in("wrong", address=f"203.0.113.{number}"))

    assert (await world.refused(world.log_in(address="198.51.100.7"))).slug == "login_locked"
    granted = await world.log_in(address="198.51.100.7", device=device)
    assert granted.device == ""


async def test_database_that_fails_locks_nobody_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is nobody's wrong password."""

    def fails(name: str) -> None:
        raise LoginError("users_unavailable")

    with monkeypatch.context() as patched:
        patched.setattr(world.users, "by_name", fails)
        for _ in range(10):
            assert (await world.refused(world.log_in())).slug == "users_unavailable"
    assert (await world.log_in()).user.id == "alice"


async def test_login_renews_an_old_hash(world: World) -> None:
    """After the parameters were changed."""
    old = Passwords(PasswordSettings(memory=2048, iterations=1)).hash(PASSWORD)
    world.users.set_password("alice", old)
    await world.log_in()
    user = world.users.by_id("alice")

    assert user is not None
    assert "m=1024" in user.password_hash
    assert (await world.log_in()).user.generation == 2


async def test_second_login_ends_the_session_of_the_browser(world: World) -> None:
    """It is about to forget it."""
    first = await world.log_in()
    await world.log_in(refresh=first.session.token)

    assert (await world.refused(world.service.refresh(first.session.token))).slug == "session_signed_out"


async def test_refresh_and_look(world: World) -> None:
    """The one exchanges, the other does not."""
    first = await world.log_in()
    second = await world.service.refresh(first.session.token)
    user, live, count = await world.service.look(second.session.token)

    assert second.session.token != first.session.token
    assert (user.name, live.id, count) == ("Alice", first.session.id, 1)


async def test_refresh_without_cookie_is_named(world: World) -> None:
    """Nobody is logged in."""
    assert (await world.refused(world.service.refresh(""))).slug == "session_missing"


@pytest.mark.parametrize("change", ["disable", "password"])
async def test_change_of_the_account_ends_its_sessions(world: World, change: str) -> None:
    """At the next refresh, also where nobody told the gateway."""
    granted = await world.log_in()
    if change == "disable":
        world.users.set_disabled("alice", True)
    else:
        world.users.set_password("alice", "other")

    assert (await world.refused(world.service.refresh(granted.session.token))).slug == "session_ended"


async def test_logout_ends_what_lives_by_the_session(world: World) -> None:
    """That one, and no other; twice is once."""
    here, other = await world.log_in(), await world.log_in()
    await world.service.log_out(here.session.token)
    await world.service.log_out(here.session.token)
    await world.service.log_out("")

    assert world.ender.ended == [here.session.id]
    assert (await world.service.refresh(other.session.token)).user.id == "alice"


async def test_logout_everywhere_ends_all(world: World) -> None:
    """The user's tokens and each session's; and the account knows it, should the store forget."""
    here, other = await world.log_in(), await world.log_in()
    await world.service.log_out(here.session.token, everywhere=True)
    user = world.users.by_id("alice")

    assert world.ender.ended == ["alice", other.session.id, here.session.id]
    assert user is not None
    assert user.generation == 2
    assert (await world.refused(world.service.refresh(other.session.token))).slug == "session_signed_out"
    assert (await world.service.refresh((await world.log_in()).session.token)).user.id == "alice"


async def test_everywhere_works_without_the_database(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants to be out is out."""

    def fails(user: str) -> None:
        raise LoginError("users_unavailable")

    granted = await world.log_in()
    monkeypatch.setattr(world.users, "end_sessions", fails)

    assert await world.service.end_all("alice", "") == (1, 3)
    assert (await world.refused(world.service.refresh(granted.session.token))).slug == "session_signed_out"


async def test_replay_ends_what_lives_by_the_session(world: World) -> None:
    """The copy may have been used already."""
    granted = await world.log_in()
    await world.service.refresh(granted.session.token)
    world.clock.advance(31)

    assert (await world.refused(world.service.refresh(granted.session.token))).slug == "session_replayed"
    assert world.ender.ended == [granted.session.id]


async def test_token_does_not_outlive_the_session(world: World) -> None:
    """Its life is cut at the session's end."""
    granted = await world.log_in()
    for _ in range(4):
        world.clock.advance(604_000)
        granted = await world.service.refresh(granted.session.token)
    world.clock.advance(world.settings.absolute_lifetime - 4 * 604_000 - 100)
    granted = await world.service.refresh(granted.session.token)

    assert granted.expires_in == 99.75
    assert granted.session.expires_at == world.clock.now + 100


async def test_start_survives_a_database_that_is_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections with a token are served all the same."""

    def fails() -> None:
        raise LoginError("users_unavailable")

    monkeypatch.setattr(world.users, "prepare", fails)

    await world.service.start()


@pytest.mark.parametrize("name", ["al\0ice", "x" * 129, "\ud800", " ", "a\u200blice"])
async def test_name_that_no_account_can_have_is_unknown(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The database, which may choke on it, is not asked; the work is that of any other name."""
    verified: list[str | None] = []
    verify = world.passwords.verify

    def spy(password: str, kept: str | None, *, rehashes: bool) -> Verdict:
        verified.append(kept)
        return verify(password, kept, rehashes=rehashes)

    monkeypatch.setattr(world.passwords, "verify", spy)
    monkeypatch.setattr(world.users, "by_name", None)

    assert (await world.refused(world.log_in(name=name))).slug == "login_refused"
    assert verified == [None]


async def test_long_names_of_strangers_take_no_memory(world: World) -> None:
    """They are counted by their hash."""
    await world.refused(world.log_in(name="\ufdfa" * 1000))

    assert len(world.counters) == 3
    assert all(len(key) <= 40 for key in world.counters._counts)


async def test_account_changed_during_its_login_gets_no_session(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator who closed it while the password was being checked is not passed by."""
    verify = world.passwords.verify

    def close_first(password: str, kept: str | None, *, rehashes: bool) -> Verdict:
        world.users.set_disabled("alice", True)
        return verify(password, kept, rehashes=rehashes)

    monkeypatch.setattr(world.passwords, "verify", close_first)
    refused = await world.refused(world.log_in())

    assert (refused.slug, refused.context["why"]) == ("login_refused", "changed")
    assert await world.desk.sessions.all("alice") == {}


async def test_disabled_account_gets_no_new_hash(world: World) -> None:
    """Its second hash would tell that the password was right."""
    old = Passwords(PasswordSettings(memory=1024, iterations=2))
    world.users.set_password("alice", old.hash(PASSWORD))
    user = world.users.by_name("alice")
    assert user is not None
    world.users.set_disabled("alice", True)
    await world.refused(world.log_in())

    assert world.passwords.verify(PASSWORD, user.password_hash, rehashes=False).rehashed is None
    now = world.users.by_name("alice")
    assert now is not None
    assert now.password_hash == user.password_hash
