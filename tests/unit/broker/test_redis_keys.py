from __future__ import annotations

import pytest

from holdfast.broker.redis_keys import KeyName, Keys, escape, slot_of, unescape

NAMES = ["a", "a:b", "a}{b", "a b", "ä\N{SNOWMAN}", "*", "a\0b", "%7B", "%", "{}", "\ud800"]


@pytest.mark.parametrize("name", NAMES)
def test_escaped_name_comes_back(name: str):
    """Escaping loses nothing, and leaves no brace."""
    assert unescape(escape(name)) == name
    assert not set(escape(name)) & set(b"{}")


@pytest.mark.parametrize("name", NAMES)
def test_keys_of_a_channel_share_a_slot(name: str):
    """A cluster keeps all of a channel in one place, and the pub/sub channel with it."""
    keys = Keys("p")
    all_of_it = {
        keys.channel(name),
        keys.stream(name),
        keys.meta(name),
        keys.presence(name),
        keys.idempotency(name, "}x"),
    }

    assert len({slot_of(key) for key in all_of_it}) == 1
    assert len(all_of_it) == 5
    assert keys.name_of(keys.channel(name)) == name


def test_keys_begin_with_the_prefix():
    """One ACL pattern suffices, and two gateways can share a server."""
    keys = Keys("p")

    names = [keys.channel("a"), keys.table("nodes"), keys.counter("k"), keys.sessions("ann"), keys.all, keys.to("one")]
    assert names == [b"p:{a}", b"p:t:{nodes}", b"p:n:{k}", b"p:l:{ann}", b"p:all", b"p:to:{one}"]


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_parsed(name: str):
    """Whoever walks over all keys knows what each is about."""
    keys = Keys("p")

    assert keys.parse(keys.meta(name)) == KeyName("meta", name)
    assert keys.parse(keys.stream(name)) == KeyName("stream", name)
    assert keys.parse(keys.presence(name)) == KeyName("presence", name)
    assert keys.parse(keys.presence(name) + b"e") == KeyName("index", name)
    assert keys.parse(keys.staged(name)) == KeyName("staged", name)
    assert keys.parse(keys.idempotency(name, "}:x")) == KeyName("idempotency", name, "}:x")
    assert keys.parse(keys.table(name)) == KeyName("table", name)
    assert keys.parse(keys.counter(name)) == KeyName("counter", name)
    assert keys.parse(keys.sessions(name)) == KeyName("sessions", name)


@pytest.mark.parametrize(
    "key",
    [
        b"q:{a}:m",
        b"p",
        b"p:all",
        b"p:snapshots",
        b"p:{a}",
        b"p:{a}m",
        b"p:{a}:z",
        b"p:x:{a}",
        b"p:t:{a}:m",
        b"p:t:{a",
        b"p:{\xff}:m",
    ],
)
def test_foreign_keys_are_not_parsed(key: bytes):
    """Whatever else is under the prefix, or not."""
    assert Keys("p").parse(key) is None
