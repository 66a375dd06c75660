"""How everything of ours in Redis is called: all of a channel under one hash tag, so that a cluster keeps it together.

A name is escaped where its braces would end the tag; nothing else in it means anything to Redis.
"""

from __future__ import annotations

from typing import NamedTuple

from redis.crc import key_slot

# The fields of a channel's meta hash; short, for each channel has them.
EPOCH = b"e"
OFFSET = b"o"
VERSION = b"v"
VERSION_EPOCH = b"w"
RUNS = b"r"
FORMERS = b"f"
# The one field of a stream's entry.
RECORD = b"d"

SLOTS = 16384


def escape(name: str) -> bytes:
    """Return a name in which no brace ends a hash tag; `unescape` undoes it."""
    if "{" in name or "}" in name or "%" in name:
        name = name.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
    return name.encode("utf-8", "surrogatepass")


def unescape(name: bytes) -> str:
    """Return what `escape` was given."""
    text = name.decode("utf-8", "surrogatepass")
    if "%" in text:
        text = text.replace("%7D", "}").replace("%7B", "{").replace("%25", "%")
    return text


def slot_of(key: bytes) -> int:
    """Return the slot of a cluster in which a key or a sharded channel lives."""
    slot: int = key_slot(key)
    return slot


class KeyName(NamedTuple):
    """What a key of ours is about: its kind, whose it is, and what follows (an idempotency key)."""

    kind: str
    name: str
    rest: str = ""


_OF_CHANNEL = {b"s": "stream", b"m": "meta", b"p": "presence", b"pe": "index", b"pu": "index", b"x": "staged"}
_OF_NAME = {b"t": "table", b"n": "counter", b"l": "sessions"}


class Keys:
    """Names under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix.encode()
        self._channel = self.prefix + b":{%s}"
        self._cut = len(self.prefix) + 2

    def channel(self, name: str) -> bytes:
        """Return a channel's name in Redis' pub/sub, which begins all its keys."""
        return self._channel % escape(name)

    def name_of(self, channel: bytes) -> str:
        """Return the name of a channel of Redis' pub/sub."""
        return unescape(channel[self._cut : -1])

    def stream(self, name: str) -> bytes:
        """Return the key of a channel's publications."""
        return self.channel(name) + b":s"

    def meta(self, name: str) -> bytes:
        """Return the key of a channel's position."""
        return self.channel(name) + b":m"

    def idempotency(self, name: str, key: str) -> bytes:
        """Return the key of the result of a publication with an idempotency key."""
        return self.channel(name) + b":i:" + key.encode("utf-8", "surrogatepass")

    def presence(self, name: str) -> bytes:
        """Return the key of who is present."""
        return self.channel(name) + b":p"

    def table(self, table: str) -> bytes:
        """Return the key of a small table."""
        return self.prefix + b":t:{" + escape(table) + b"}"

    def counter(self, key: str) -> bytes:
        """Return the key of a counter."""
        return self.prefix + b":n:{" + escape(key) + b"}"

    def sessions(self, owner: str) -> bytes:
        """Return the key of an owner's sessions."""
        return self.prefix + b":l:{" + escape(owner) + b"}"

    def staged(self, name: str) -> bytes:
        """Return the key in which an import gathers a channel's publications."""
        return self.channel(name) + b":x"

    def parse(self, key: bytes) -> KeyName | None:
        """Return what a key is about, None where it is none of those above."""
        if not key.startswith(self.prefix + b":"):
            return None
        before, _, rest = key[len(self.prefix) + 1 :].partition(b"{")
        name, end, after = rest.partition(b"}")
        try:
            if before and not after and end:
                kind = _OF_NAME.get(before.removesuffix(b":"))
                return KeyName(kind, unescape(name)) if kind else None
            if before or not after.startswith(b":"):
                return None
            if after.startswith(b":i:"):
                return KeyName("idempotency", unescape(name), after[3:].decode("utf-8", "surrogatepass"))
            kind = _OF_CHANNEL.get(after[1:])
            return KeyName(kind, unescape(name)) if kind else None
        except UnicodeDecodeError:
            return None

    @property
    def snapshots(self) -> bytes:
        """The key that says which instance writes snapshots."""
        return self.prefix + b":snapshots"

    @property
    def all(self) -> bytes:
        """The pub/sub channel of messages to all instances."""
        return self.prefix + b":all"

    def to(self, instance: str) -> bytes:
        """Return the pub/sub channel of messages to one instance."""
        return self.prefix + b":to:{" + escape(instance) + b"}"
