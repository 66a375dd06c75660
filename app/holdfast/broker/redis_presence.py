"""Presence in Redis: one command a call, whatever the number of clients.

A channel has three keys in one slot: a hash of entries by client, a sorted set of the moments at which they end, and a
hash of how many clients each user has. Whoever asks or enters first forgets what has ended, so that the entries of an
instance that died go by themselves; the keys end with the last of them.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw

from holdfast.broker.base import PresenceStats
from holdfast.broker.redis_fields import milliseconds
from holdfast.broker.redis_link import RedisLink, Script
from holdfast.errors import BrokerError
from holdfast.protocol.messages import NONE, ClientInfo

# Entries that one call forgets at most, so that a channel of 100,000 whose instance died does not hold up Redis.
_FORGOTTEN_AT_ONCE: Final = 1000

_BEGIN: Final = f"""
local entries, ends, users = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function user_of(value)
  local colon = string.find(value, ':', 1, true)
  local length = colon and tonumber(string.sub(value, 1, colon - 1))
  if not length then return error('not a holdfast key') end
  return string.sub(value, colon + 1, colon + length)
end
local function uncount(value)
  local user = user_of(value)
  if redis.call('HINCRBY', users, user, -1) <= 0 then redis.call('HDEL', users, user) end
end
local gone = redis.call('ZRANGE', ends, '-inf', now, 'BYSCORE', 'LIMIT', 0, {_FORGOTTEN_AT_ONCE})
if #gone > 0 then
  for _, value in ipairs(redis.call('HMGET', entries, unpack(gone))) do
    if value then uncount(value) end
  end
  redis.call('HDEL', entries, unpack(gone))
  redis.call('ZREM', ends, unpack(gone))
end
"""

# ARGV: client, entry, milliseconds. The keys live up to twice as long as an entry, so that not each refresh sets them.
_ADD: Final = Script(
    _BEGIN
    + """
local client, value, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local former = redis.call('HGET', entries, client)
if former ~= value then
  if former then uncount(former) end
  redis.call('HSET', entries, client, value)
  redis.call('HINCRBY', users, user_of(value), 1)
end
redis.call('ZADD', ends, now + ttl, client)
if redis.call('PTTL', ends) < ttl then
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, 2 * ttl) end
end
return 1
"""
)

_REMOVE: Final = Script(
    _BEGIN
    + """
local value = redis.call('HGET', entries, ARGV[1])
redis.call('ZREM', ends, ARGV[1])
if value then
  redis.call('HDEL', entries, ARGV[1])
  uncount(value)
end
return 1
"""
)

# Lua hands a command some thousand arguments at most.
_READ: Final = Script(
    _BEGIN
    + """
local clients = redis.call('ZRANGE', ends, '(' .. now, '+inf', 'BYSCORE')
local values = {}
for first = 1, #clients, 1000 do
  local last = math.min(first + 999, #clients)
  for _, value in ipairs(redis.call('HMGET', entries, unpack(clients, first, last))) do values[#values + 1] = value end
end
return {clients, values}
"""
)

_STATS: Final = Script(
    _BEGIN
    + """
return {redis.call('ZCOUNT', ends, '(' .. now, '+inf'), redis.call('HLEN', users)}
"""
)


class RedisPresence:
    """Who is present in which channel.

    Args:
        link: the way to Redis.
    """

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._keys = link.keys

    async def add(self, channel: str, client: str, info: ClientInfo, ttl: float) -> None:
        """Enter or refresh a client; see `Broker.add_presence`."""
        await self._run(_ADD, channel, client, pack(info), milliseconds(ttl))

    async def remove(self, channel: str, client: str) -> None:
        """Remove a client; see `Broker.remove_presence`."""
        await self._run(_REMOVE, channel, client)

    async def get(self, channel: str) -> dict[str, ClientInfo]:
        """Return who is present; see `Broker.presence`."""
        clients, values = await self._run(_READ, channel)
        names = [name.decode() for name in clients]
        return {name: unpack(name, value) for name, value in zip(names, values, strict=True) if value is not None}

    async def stats(self, channel: str) -> PresenceStats:
        """Return how many are present; see `Broker.presence_stats`."""
        clients, users = await self._run(_STATS, channel)
        # Users of what could not be forgotten at once are still counted, clients are not.
        return PresenceStats(clients, min(users, clients))

    # Private methods

    async def _run(self, script: Script, channel: str, *args: str | bytes | int) -> Any:
        key = self._keys.presence(channel)
        return await self._link.run_script(script, [key, key + b"e", key + b"u"], args)


def pack(info: ClientInfo) -> bytes:
    """Return what is kept of a client: the user, which scripts read, and both infos; its id is the entry's name."""
    user, conn_info = info.user.encode(), bytes(info.conn_info)
    return b"%d:%s%d:%s%s" % (len(user), user, len(conn_info), conn_info, bytes(info.chan_info))


def unpack(client: str, value: bytes) -> ClientInfo:
    """Return an entry.

    Raises:
        BrokerError: `broker_foreign_key`, when it is not of our making.
    """
    try:
        user, rest = _cut(value)
        conn_info, chan_info = _cut(rest)
        return ClientInfo(user.decode(), client, _raw(conn_info), _raw(chan_info))
    except ValueError:
        raise BrokerError("broker_foreign_key", f"the presence entry of {client!r} is not of this gateway's") from None


def _raw(info: bytes) -> Raw:
    # The encoder leaves out NONE itself, and would write another that is empty.
    return Raw(info) if info else NONE


def _cut(value: bytes) -> tuple[bytes, bytes]:
    length, _, rest = value.partition(b":")
    end = int(length)
    if not 0 <= end <= len(rest):
        raise ValueError("it ends too soon")
    return rest[:end], rest[end:]
