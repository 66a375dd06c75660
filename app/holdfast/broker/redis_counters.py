"""Counters in Redis: each a key of its own that ends by itself; one command a call."""

from __future__ import annotations

from typing import Any, Final

from holdfast.broker.base import Count
from holdfast.broker.redis_fields import milliseconds
from holdfast.broker.redis_link import RedisLink, Script

# ARGV: amount, milliseconds, whether each event prolongs it.
_ADD: Final = Script(
    """
local value = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(value) == 'table' then
  return string.find(value.err, 'not an integer', 1, true) and redis.error_reply('ERR not a holdfast key') or value
end
if value <= 0 then
  redis.call('DEL', KEYS[1])
  return {0, 0}
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 or (ARGV[3] == '1' and tonumber(ARGV[1]) > 0) then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {value, left}
"""
)

_GET: Final = Script("return {tonumber(redis.call('GET', KEYS[1])) or 0, math.max(redis.call('PTTL', KEYS[1]), 0)}")

_CLEAR: Final = Script("return redis.call('DEL', KEYS[1])")

# What is kept is when the bucket is full again (GCRA). ARGV: milliseconds for one event, events at once.
_TAKE: Final = Script(
    """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local each = tonumber(ARGV[1])
local kept = redis.call('GET', KEYS[1])
if kept and not tonumber(kept) then return redis.error_reply('ERR not a holdfast key') end
local full_at = math.max(tonumber(kept) or 0, now) + each
local wait = full_at - now - each * ARGV[2]
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', full_at), 'PX', math.ceil(full_at - now))
return 0
"""
)


class RedisCounters:
    """A `CounterStore` in Redis."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._keys = link.keys

    async def add(self, key: str, ttl: float, amount: int = 1, *, prolong: bool = False) -> Count:
        """Count; see `CounterStore.add`."""
        return _count(await self._run(_ADD, key, amount, milliseconds(ttl), int(prolong)))

    async def get(self, key: str) -> Count:
        """Return a count; see `CounterStore.get`."""
        return _count(await self._run(_GET, key))

    async def clear(self, key: str) -> None:
        """Begin again; see `CounterStore.clear`."""
        await self._run(_CLEAR, key)

    async def take(self, key: str, rate: float, burst: int) -> float:
        """Take from a bucket; see `CounterStore.take`."""
        wait: int = await self._run(_TAKE, key, repr(1000 / rate), burst)
        return wait / 1000

    # Private methods

    async def _run(self, script: Script, key: str, *args: str | int) -> Any:
        return await self._link.run_script(script, [self._keys.counter(key)], args)


def _count(found: list[int]) -> Count:
    return Count(found[0], found[1] / 1000)
