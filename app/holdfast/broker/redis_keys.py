"""How everything of ours in Redis is called: all of a channel under one hash tag, so that a cluster keeps it together.

A name is escaped where its braces would end the tag; nothing else in it means anything to Redis.
"""

from __future__ import annotations

from redis.crc import key_slot

# The fields of a channel's meta hash; short, for each channel has them.
EPOCH = b"e"
OFFSET = b"o"
VERSION = b"v"
VERSION_EPOCH = b"w"
RUNS = b"r"
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

    @property
    def all(self) -> bytes:
        """The pub/sub channel of messages to all instances."""
        return self.prefix + b":all"

    def to(self, instance: str) -> bytes:
        """Return the pub/sub channel of messages to one instance."""
        return self.prefix + b":to:{" + escape(instance) + b"}"
