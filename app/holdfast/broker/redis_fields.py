"""Named values in Redis that expire one by one, in one hash for each group of them; one command a call.

Redis 7 expires whole keys alone, so each value begins with the moment at which it ends. What has ended is never given,
and forgotten little by little by whoever writes; the key ends with the last of its values.
"""

from __future__ import annotations

import math
from typing import Any, Final

from holdfast.broker.redis_link import RedisLink, Script

# Three looked at for one that is written: at most a quarter of a hash has ended.
_LOOKED_AT: Final = 3

_BEGIN: Final = f"""
local key = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function live(kept)
  if not kept then return false end
  local colon = string.find(kept, ':', 1, true)
  local ends = colon and tonumber(string.sub(kept, 1, colon - 1))
  if not ends then return error('not a holdfast key') end
  return ends > now and string.sub(kept, colon + 1)
end
local function keep(name, value, ttl)
  if ttl <= 0 then return redis.call('HDEL', key, name) end
  redis.call('HSET', key, name, string.format('%.0f:', now + ttl) .. value)
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
  local some = redis.call('HRANDFIELD', key, {_LOOKED_AT}, 'WITHVALUES')
  for place = 1, #some, 2 do
    if not live(some[place + 1]) then redis.call('HDEL', key, some[place]) end
  end
end
"""

# ARGV: name, milliseconds, value.
_PUT: Final = Script(_BEGIN + "keep(ARGV[1], ARGV[3], tonumber(ARGV[2])) return 1")

_GET: Final = Script(_BEGIN + "return live(redis.call('HGET', key, ARGV[1]))")

_ADD: Final = Script(
    _BEGIN
    + """
if live(redis.call('HGET', key, ARGV[1])) then return 0 end
keep(ARGV[1], ARGV[3], tonumber(ARGV[2]))
return 1
"""
)

# ARGV: name, milliseconds, value, expected value.
_SWAP: Final = Script(
    _BEGIN
    + """
if live(redis.call('HGET', key, ARGV[1])) ~= ARGV[4] then return 0 end
keep(ARGV[1], ARGV[3], tonumber(ARGV[2]))
return 1
"""
)

_DELETE: Final = Script(
    _BEGIN
    + """
local value = live(redis.call('HGET', key, ARGV[1]))
redis.call('HDEL', key, ARGV[1])
return value and 1 or 0
"""
)

_READ: Final = Script(
    _BEGIN
    + """
local all, found = redis.call('HGETALL', key), {}
for place = 1, #all, 2 do
  local value = live(all[place + 1])
  if value then
    found[#found + 1] = all[place]
    found[#found + 1] = value
  else
    redis.call('HDEL', key, all[place])
  end
end
return found
"""
)


def milliseconds(seconds: float) -> int:
    """Return a time to live as Redis takes it, rounded up."""
    return math.ceil(seconds * 1000)


class ExpiringFields:
    """Values by name, in the hash whose key each call gives."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def put(self, key: bytes, name: str, value: bytes, ttl: float) -> None:
        """Keep a value for `ttl` seconds, in place of one that may be there."""
        await self._run(_PUT, key, name, milliseconds(ttl), value)

    async def add(self, key: bytes, name: str, value: bytes, ttl: float) -> bool:
        """Keep a value where none is there; return whether it was kept."""
        return bool(await self._run(_ADD, key, name, milliseconds(ttl), value))

    async def get(self, key: bytes, name: str) -> bytes | None:
        """Return a value, None if it is not there."""
        found: bytes | None = await self._run(_GET, key, name)
        return found

    async def swap(self, key: bytes, name: str, expected: bytes, value: bytes, ttl: float) -> bool:
        """Put a value in the place of the expected one; return whether that was there."""
        return bool(await self._run(_SWAP, key, name, milliseconds(ttl), value, expected))

    async def delete(self, key: bytes, name: str) -> bool:
        """Forget a value and return whether it was there."""
        return bool(await self._run(_DELETE, key, name))

    async def read(self, key: bytes) -> dict[str, bytes]:
        """Return all values by name."""
        found = await self._run(_READ, key)
        return {name.decode(): value for name, value in zip(found[::2], found[1::2], strict=True)}

    # Private methods

    async def _run(self, script: Script, key: bytes, *args: str | bytes | int) -> Any:
        return await self._link.run_script(script, [key], args)
