"""The scripts of an import: each decides about one thing and does it in the same step, so that repeating is harmless.

A stream comes back under a new epoch, another one each time, and goes on from the old one behind its top: whoever saw
no more than that recovers, whoever saw more is told. It is gathered beside the present one first, and put in its place
in one step; the export's name stays with it, so that the same file is known when it comes again.
"""

from __future__ import annotations

from typing import Final

from holdfast.broker.redis_link import Script
from holdfast.broker.redis_wire import Argument

# Of several imports, one after the other.
_MOST_FORMERS: Final = 8

# KEYS staged; ARGV milliseconds, "1" to begin, then id and record of each.
STAGE: Final = Script(
    """#!lua
if ARGV[2] == '1' then redis.call('UNLINK', KEYS[1]) end
for place = 3, #ARGV, 2 do redis.call('XADD', KEYS[1], ARGV[place], 'd', ARGV[place + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""
)

# Decides about a stream. KEYS meta; ARGV the export's name, epoch in the file, top, "1" to replace one begun since.
_DECIDE = """#!lua
local found = redis.call('HMGET', KEYS[1], 'e', 'o', 'f')
local epoch, top = found[1], tonumber(found[2] or '0')
local function decide()
  if not epoch then return 'new' end
  local mine, export = string.match(found[3] or '', '^(%S+) (%S+) ')
  if mine == epoch and export == ARGV[1] then return 'same' end
  if epoch == ARGV[2] then
    if top == tonumber(ARGV[3]) then return 'same' end
    return top > tonumber(ARGV[3]) and 'newer' or 'replaced'
  end
  if top == 0 or ARGV[4] == '1' then return 'replaced' end
  return 'newer'
end
local outcome = decide()
"""

DECIDE: Final = Script(_DECIDE + "return outcome")

# KEYS meta, stream, staged; ARGV as above, then the new epoch, formers, milliseconds for meta and stream, version and
# its epoch, channel, command of pub/sub.
COMMIT: Final = Script(
    _DECIDE
    + """
if outcome ~= 'new' and outcome ~= 'replaced' then
  redis.call('UNLINK', KEYS[3])
  return outcome
end
redis.call('UNLINK', KEYS[1], KEYS[2])
if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('RENAME', KEYS[3], KEYS[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[8])
end
redis.call('HSET', KEYS[1], 'e', ARGV[5], 'o', ARGV[3], 'r', '', 'f', ARGV[5] .. ' ' .. ARGV[1] .. ' ' .. ARGV[6])
if ARGV[9] ~= '0' then redis.call('HSET', KEYS[1], 'v', ARGV[9], 'w', ARGV[10]) end
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call(ARGV[12], ARGV[11], 'e' .. ARGV[5])
return outcome
"""
)

# KEYS idempotency, meta; ARGV offset, epoch in the file, milliseconds. A result is of use only where its publication
# is: else the publisher's repetition must go through.
RESULT: Final = Script(
    """#!lua
if redis.call('EXISTS', KEYS[1]) == 1 then return 'same' end
local name = ''
if ARGV[1] ~= '0' then
  local found = redis.call('HMGET', KEYS[2], 'e', 'o', 'f')
  local formers, top = found[3] or '', found[2]
  if found[1] ~= ARGV[2] then
    if string.match(formers, '^(%S+) ') ~= found[1] then return 'lost' end
    top = string.match(formers, ' ' .. ARGV[2] .. ':(%d+)')
  end
  if not top or tonumber(top) < tonumber(ARGV[1]) then return 'lost' end
  name = found[1]
end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. name, 'PX', ARGV[3])
return 'new'
"""
)

COUNTER: Final = Script("return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') and 'new' or 'same'")


def formers_of(before: str, epoch: str, top: int) -> str:
    """Return what a stream goes on from: what it did before, and the epoch that the file has, behind its top."""
    return " ".join([*before.split(), f"{epoch}:{top}"][-_MOST_FORMERS:])


def entries_of(first: int, records: list[bytes]) -> list[Argument]:
    """Return ids and records as `STAGE` takes them."""
    return [part for offset, record in enumerate(records, first) for part in (f"{offset}-0", record)]
