from __future__ import annotations

import asyncio

import pytest

from holdfast.auth import refresh_tokens
from holdfast.auth.sessions import Sessions
from holdfast.broker.sessions import MemorySessions
from holdfast.errors import LoginError
from holdfast.settings_auth import AuthSettings
from tests.brokers import Clock

RULES = AuthSettings(idle_lifetime=1000, absolute_lifetime=3000, max_sessions=3)


class TurningStore(MemorySessions):
    """Lets others run before and after each step, as a store behind a network does."""

    async def get(self, owner: str, session: str) -> bytes | None:
        """Return a value a turn later."""
        await asyncio.sleep(0)
        found = await super().get(owner, session)
        await asyncio.sleep(0)
        return found

    async def swap(self, owner: str, session: str, expected: bytes, value: bytes, ttl: float) -> bool:
        """Replace a value a turn later."""
        await asyncio.sleep(0)
        return await super().swap(owner, session, expected, value, ttl)


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def store(clock: Clock) -> TurningStore:
    """Return an empty store."""
    return TurningStore(clock)


@pytest.fixture
def sessions(store: TurningStore, clock: Clock) -> Sessions:
    """Return sessions of nobody yet."""
    return Sessions(RULES, store, clock)


async def cause(work: object) -> str:
    """Return why some work is refused."""
    with pytest.raises(LoginError) as refused:
        await work  # type: ignore[misc]  # a coroutine
    return refused.value.slug


async def test_refresh_exchanges_the_token(sessions: Sessions) -> None:
    """The session stays the same, its token does not."""
    begun = await sessions.begin("alice", 1)
    renewed = await sessions.refresh(begun.token, 1)

    assert (renewed.id, renewed.user) == (begun.id, "alice")
    assert renewed.token != begun.token
    assert (await sessions.find(renewed.token)).id == begun.id


async def test_parallel_refreshes_have_one_successor(sessions: Sessions) -> None:
    """A hundred tabs with one cookie get the same new one, and nobody is logged out."""
    begun = await sessions.begin("alice", 1)
    renewed = await asyncio.gather(*(sessions.refresh(begun.token, 1) for _ in range(100)))

    assert len({one.token for one in renewed}) == 1
    assert sum(not one.is_repeated for one in renewed) == 1
    assert (await sessions.refresh(renewed[0].token, 1)).id == begun.id


async def test_replayed_token_ends_the_session(sessions: Sessions, clock: Clock) -> None:
    """For the thief and for the honest one, who is told the same."""
    begun = await sessions.begin("alice", 1)
    renewed = await sessions.refresh(begun.token, 1)
    clock.advance(RULES.refresh_overlap + 1)

    assert await cause(sessions.refresh(begun.token, 1)) == "session_replayed"
    assert await cause(sessions.refresh(renewed.token, 1)) == "session_replayed"
    assert await sessions.all("alice") == {}


async def test_replay_is_seen_by_whoever_only_looks(sessions: Sessions, clock: Clock) -> None:
    """A copy is a copy, whatever it is used for."""
    begun = await sessions.begin("alice", 1)
    await sessions.refresh(begun.token, 1)
    clock.advance(RULES.refresh_overlap + 1)

    assert await cause(sessions.find(begun.token)) == "session_replayed"


async def test_unused_session_ends(sessions: Sessions, clock: Clock) -> None:
    """After the idle lifetime."""
    begun = await sessions.begin("alice", 1)
    clock.advance(RULES.idle_lifetime)

    assert await cause(sessions.refresh(begun.token, 1)) == "session_ended"


async def test_used_session_ends_in_the_end(sessions: Sessions, clock: Clock) -> None:
    """After the absolute lifetime, however often it is used."""
    begun = await sessions.begin("alice", 1)
    token = begun.token
    for _ in range(3):
        clock.advance(900)
        renewed = await sessions.refresh(token, 1)
        token = renewed.token
    assert renewed.expires_at == begun.session.started_at + RULES.absolute_lifetime
    clock.advance(300)

    assert await cause(sessions.refresh(token, 1)) == "session_ended"


async def test_session_of_an_older_generation_ends(sessions: Sessions) -> None:
    """Of an account whose password was changed."""
    begun = await sessions.begin("alice", 1)

    assert await cause(sessions.refresh(begun.token, 2)) == "session_ended"


async def test_ended_sessions_say_why(sessions: Sessions) -> None:
    """Here, or everywhere; others go on."""
    here, elsewhere, other = [await sessions.begin(user, 1) for user in ("alice", "alice", "bob")]
    await sessions.end(here)
    assert await cause(sessions.refresh(here.token, 1)) == "session_signed_out"
    assert await sessions.is_alive("alice", elsewhere.id)
    assert await sessions.end_all("alice") == [elsewhere.id]

    assert await cause(sessions.refresh(elsewhere.token, 1)) == "session_signed_out"
    assert not await sessions.is_alive("alice", elsewhere.id)
    assert (await sessions.refresh(other.token, 1)).id == other.id


async def test_end_wins_over_a_refresh_under_way(sessions: Sessions) -> None:
    """Whatever comes first, nothing goes on after it."""
    begun = await sessions.begin("alice", 1)
    outcomes = await asyncio.gather(sessions.refresh(begun.token, 1), sessions.end_all("alice"), return_exceptions=True)

    assert await sessions.all("alice") == {}
    assert isinstance(outcomes[0], LoginError) or await cause(sessions.refresh(outcomes[0].token, 1))  # type: ignore[union-attr]  # else the session


async def test_oldest_session_makes_room(sessions: Sessions, clock: Clock) -> None:
    """A user has so many, and one more ends the one not used for longest."""
    begun = []
    for _ in range(5):
        begun.append(await sessions.begin("alice", 1))
        clock.advance(1)

    assert list(await sessions.all("alice")) == [one.id for one in begun[2:]]
    assert await cause(sessions.refresh(begun[0].token, 1)) == "session_ended"


async def test_ends_do_not_pile_up(sessions: Sessions, store: TurningStore) -> None:
    """Whoever logs in and out all day takes no more memory than anybody."""
    for _ in range(50):
        await sessions.end(await sessions.begin("alice", 1))

    assert len(store) <= 2 * RULES.max_sessions


@pytest.mark.parametrize("text", ["", "garbage", "YWxpY2U." + "0" * 32 + "." + "A" * 64])
async def test_cookie_of_no_session_is_refused(sessions: Sessions, text: str) -> None:
    """It has ended, or was never there."""
    assert await cause(sessions.refresh(text, 1)) == "session_ended"


async def test_guesses_do_not_end_a_session(sessions: Sessions) -> None:
    """Who knows its id, which is in every access token, can do nothing to it."""
    begun = await sessions.begin("alice", 1)
    token = refresh_tokens.read(begun.token)
    assert token is not None
    guess = refresh_tokens.write(token._replace(secret=b"x" * refresh_tokens.SECRET_BYTES))

    assert await cause(sessions.refresh(guess, 1)) == "session_ended"
    assert (await sessions.refresh(begun.token, 1)).id == begun.id


async def test_value_of_another_version_is_an_ended_session(sessions: Sessions, store: TurningStore) -> None:
    """It stops neither its cookie's owner from logging in nor the list of sessions."""
    begun = await sessions.begin("alice", 1)
    await store.put("alice", begun.id, b"of another version", 100)

    assert await cause(sessions.refresh(begun.token, 1)) == "session_ended"
    assert await sessions.all("alice") == {}
    assert (await sessions.begin("alice", 1)).user == "alice"


async def test_token_later_than_the_store_is_no_replay(store: TurningStore, clock: Clock) -> None:
    """A crash has set the store back: the session ends, and nobody is said to have a copy."""
    sessions = Sessions(RULES, store, clock, b"key")
    begun = await sessions.begin("alice", 1)
    kept = await store.get("alice", begun.id)
    assert kept is not None
    later = (await sessions.refresh((await sessions.refresh(begun.token, 1)).token, 1)).token
    clock.now += 100
    await store.put("alice", begun.id, kept, 1000)

    with pytest.raises(LoginError, match="lost in a crash") as refused:
        await sessions.refresh(later, 1)
    assert (refused.value.slug, refused.value.context["session"]) == ("session_ended", begun.id)
    assert await cause(sessions.refresh(begun.token, 1)) == "session_ended"
    assert await sessions.all("alice") == {}


async def test_forged_age_hides_no_replay(store: TurningStore, clock: Clock) -> None:
    """Whoever has a copy cannot make it look like a crash."""
    sessions, strangers = Sessions(RULES, store, clock, b"key"), Sessions(RULES, store, clock, b"guess")
    begun = await sessions.begin("alice", 1)
    await sessions.refresh(begun.token, 1)
    clock.now += 100
    token = refresh_tokens.read(begun.token, b"key")
    assert token is not None
    forged = refresh_tokens.write(token._replace(number=99), strangers._key)

    assert await cause(sessions.refresh(forged, 1)) == "session_replayed"


async def test_two_instances_agree_on_one_successor(store: TurningStore, clock: Clock) -> None:
    """Whatever reaches which of them in which order; then a logout at one ends it at the other."""
    instances = [Sessions(RULES, store, clock, b"key") for _ in range(2)]
    begun = await instances[0].begin("alice", 1)
    text = begun.token
    for _ in range(5):
        found = await asyncio.gather(*(one.refresh(text, 1) for one in instances * 20))
        assert len({one.token for one in found}) == 1
        text = found[0].token
        clock.now += 60
    refreshes = [one.refresh(text, 1) for one in instances]
    await asyncio.gather(instances[1].end_all("alice"), *refreshes, return_exceptions=True)

    assert await cause(instances[0].refresh(text, 1)) == "session_signed_out"
