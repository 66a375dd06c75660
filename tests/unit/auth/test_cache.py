from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.auth.cache import TokenCache
from holdfast.auth.claims import ConnectionClaims

CLAIMS = ConnectionClaims("u")


def test_entry_lives_for_the_ttl() -> None:
    """What was put is found until the TTL has passed."""
    cache: TokenCache[ConnectionClaims] = TokenCache(10, 60)
    cache.put(b"d", CLAIMS, 1000, 0)

    assert cache.get(b"d", 1059.9, 0) is CLAIMS
    assert cache.get(b"d", 1060, 0) is None
    assert len(cache) == 0


def test_entry_never_outlives_its_token_or_key() -> None:
    """`valid_until` cuts the TTL, and what has ended is not kept at all."""
    cache: TokenCache[ConnectionClaims] = TokenCache(10, 60)
    cache.put(b"d", CLAIMS, 1000, 0, valid_until=1010)
    cache.put(b"e", CLAIMS, 1000, 0, valid_until=1000)

    assert cache.get(b"d", 1009.9, 0) is CLAIMS
    assert cache.get(b"d", 1010, 0) is None
    assert cache.get(b"e", 1000, 0) is None


def test_entry_ends_with_the_generation_of_keys() -> None:
    """When a key went, everything remembered before counts no more."""
    cache: TokenCache[ConnectionClaims] = TokenCache(10, 60)
    cache.put(b"d", CLAIMS, 1000, 0)

    assert cache.get(b"d", 1000, 1) is None


def test_oldest_entry_makes_room() -> None:
    """The number of entries is bounded; putting one again makes it the newest."""
    cache: TokenCache[ConnectionClaims] = TokenCache(2, 60)
    for digest in (b"a", b"b", b"a", b"c"):
        cache.put(digest, CLAIMS, 1000, 0)

    assert len(cache) == 2
    assert cache.get(b"b", 1000, 0) is None
    assert cache.get(b"a", 1000, 0) is CLAIMS


def test_cache_may_be_off() -> None:
    """No entries or no TTL means that nothing is remembered."""
    for cache in (TokenCache[ConnectionClaims](0, 60), TokenCache[ConnectionClaims](10, 0)):
        cache.put(b"d", CLAIMS, 1000, 0)
        assert len(cache) == 0


def test_clear_forgets_everything() -> None:
    """After `clear` nothing is found."""
    cache: TokenCache[ConnectionClaims] = TokenCache(2, 60)
    cache.put(b"a", CLAIMS, 1000, 0)
    cache.clear()

    assert cache.get(b"a", 1000, 0) is None


@given(
    st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.floats(0, 100), st.floats(0, 200))),
    st.integers(0, 3),
)
def test_cache_is_bounded_and_never_late(puts: list[tuple[bytes, float, float]], size: int) -> None:
    """Whatever is put in whatever order, the bound holds and nothing is found after its end."""
    cache: TokenCache[ConnectionClaims] = TokenCache(size, 50)
    ends: dict[bytes, float] = {}
    for digest, now, valid_until in puts:
        cache.put(digest, CLAIMS, now, 0, valid_until=valid_until)
        if min(now + 50, valid_until) > now:
            ends[digest] = min(now + 50, valid_until)
        assert len(cache) <= size
    for digest, end in ends.items():
        assert cache.get(digest, end, 0) is None
