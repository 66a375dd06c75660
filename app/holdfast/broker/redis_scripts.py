"""The scripts that Redis runs: each is one step that nothing comes between, on the keys of one channel.

All are refused as a whole before they begin where Redis may not write (`#!lua` without flags), and read every key that
may be of another type before they change one, so that an error means that nothing has happened.

A channel's meta hash has `e` epoch, `o` offset, `v` and `w` version and its epoch, and `r`: the last runs of servers
under which something was published, each with the top offset that it found, oldest first, as `RUN:OFFSET` with blanks
between. A run ends with a failover or a restart; whoever saw a higher offset than a later run found knows that the
stream went back, and gives it another epoch. Its publications stay. `l` has the former epochs, as `EPOCH:OFFSET`, each
with the highest offset that was known to be seen of it: who saw more, because the old master went on taking
publications for an instance that was slow to leave it, gives the stream another epoch once more, so that those who
have followed it since are told as well.

A stream that was imported has a new epoch, and `f`: that epoch, the export's name, and then the epochs that it goes on
from, each with the last offset that is the same, as `EPOCH EXPORT FORMER:OFFSET`. Who saw no more of a former one than
that recovers.
"""

from __future__ import annotations

from holdfast.broker.redis_link import Script

# How many runs a stream remembers.
MOST_RUNS = 8
# How many former epochs, beside the latest two.
MOST_EPOCHS = 6

_HEAD = "#!lua\n"

# Whether a stream lacks what somebody saw of it. Of a run that is not in the list, either the stream lost all of it,
# and then a later run or the top is below what was seen, or it is so old that all runs in the list came later.
_WENT_BACK = """
local function went_back(runs, top, offset, run)
  if offset == 0 then return false end
  if top < offset then return true end
  if run == '' then return false end
  local back = false
  for name, base in string.gmatch(runs, '([^ :]*):(%d+)') do
    if name == run then back = false
    elseif tonumber(base) < offset then back = true end
  end
  return back
end
"""

# Reads a channel's position, and begins its stream anew where there is none, or where it lacks what this instance saw.
# `seen` is {epoch, offset, run}.
_OPEN = (
    _WENT_BACK
    + """
local stream, meta = KEYS[1], KEYS[2]
local epoch, top, runs
local function begin(name)
  if redis.call('XLEN', stream) > 0 then redis.call('UNLINK', stream) end
  epoch, top, runs = name, 0, ''
  redis.call('HSET', meta, 'e', epoch, 'o', '0', 'r', '')
end
local function last_run() return string.match(runs, '([^ :]*):%d+$') or '' end
local function number(value) return string.format('%.0f', value) end
local function lost_of(former)
  for name, offset in string.gmatch(redis.call('HGET', meta, 'l') or '', '([^ :]*):(%d+)') do
    if name == former then return tonumber(offset) end
  end
end
local function rename(new, former, offset)
  redis.call('XLEN', stream)
  local list, count = '', 0
  for name, last in string.gmatch(redis.call('HGET', meta, 'l') or '', '([^ :]*):(%d+)') do
    if name ~= former and count < MOST_EPOCHS then list, count = list .. ' ' .. name .. ':' .. last, count + 1 end
  end
  if former ~= epoch then list = epoch .. ':' .. number(top) .. list end
  list = former .. ':' .. number(offset) .. ' ' .. list
  runs = last_run() == '' and '' or last_run() .. ':' .. number(top)
  epoch = new
  redis.call('HSET', meta, 'e', epoch, 'r', runs, 'l', list)
end
local function open(new, seen, command, channel)
  local found = redis.call('HMGET', meta, 'e', 'o', 'r')
  epoch, top, runs = found[1], tonumber(found[2] or '0'), found[3] or ''
  if not epoch then
    if redis.call('EXISTS', meta) == 1 then
      return redis.error_reply('WRONGTYPE ' .. meta .. ' is not a Holdfast key')
    end
    begin(new)
    return
  end
  local former, offset = seen[1], tonumber(seen[2])
  local is_lacking
  if epoch == former then
    is_lacking = went_back(runs, top, offset, seen[3])
  elseif former ~= '' then
    local lost = lost_of(former)
    is_lacking = lost and offset > lost
  end
  if is_lacking then
    rename(new, former, offset)
    redis.call(command, channel, 'e' .. new)
  end
end
""".replace("MOST_EPOCHS", str(MOST_EPOCHS))
)

# KEYS stream, meta[, idempotency]; ARGV record, channel, command of pub/sub, run, new epoch, size, ttl, meta ttl (ms),
# delta, version, version epoch, idempotency ttl (ms), whether a repeated key has to be confirmed, seen epoch, offset,
# run. Returns {offset, epoch, 1 if suppressed, run}.
PUBLISH = Script(
    _HEAD
    + _OPEN
    + """
local record, channel, command, run, new = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local first = KEYS[3] and redis.call('GET', KEYS[3])
if first then
  if ARGV[13] == '1' then redis.call('SET', KEYS[3], first, 'KEEPTTL') end
  local offset, name = string.match(first, '^(%d+):(.*)$')
  return {offset, name, 1, ''}
end
local refused = open(new, {ARGV[14], ARGV[15], ARGV[16]}, command, channel)
if refused then return refused end
local keep = math.max(tonumber(ARGV[7]), tonumber(ARGV[8]))
local version = ARGV[10]
if version ~= '0' then
  local last = redis.call('HMGET', meta, 'v', 'w')
  local is_newer = not last[1] or #version > #last[1] or (#version == #last[1] and version > last[1])
  if not is_newer and (ARGV[11] == '' or ARGV[11] == last[2]) then
    redis.call('PEXPIRE', meta, keep)
    return {number(top), epoch, 1, last_run()}
  end
end
local function add()
  return redis.pcall('XADD', stream, 'MAXLEN', ARGV[6], number(top + 1) .. '-0', 'd', record)
end
local added = add()
if added.err and string.find(added.err, 'equal or smaller', 1, true) then
  begin(new)
  added = add()
end
if added.err then return added end
if last_run() ~= run then
  runs = runs .. (runs == '' and '' or ' ') .. run .. ':' .. number(top)
  local _, count = string.gsub(runs, ':', '')
  if count > MOST_RUNS then runs = string.gsub(runs, '^[^ ]* ', '') end
end
top = top + 1
local offset = number(top)
if version == '0' then
  redis.call('HSET', meta, 'o', offset, 'r', runs)
else
  redis.call('HSET', meta, 'o', offset, 'r', runs, 'v', version, 'w', ARGV[11])
end
redis.call('PEXPIRE', stream, ARGV[7])
redis.call('PEXPIRE', meta, keep)
if KEYS[3] then redis.call('SET', KEYS[3], offset .. ':' .. epoch, 'PX', ARGV[12]) end
redis.call(command, channel, 'p' .. offset .. ':' .. epoch .. ':' .. run .. ':' .. ARGV[9] .. ':' .. record)
return {offset, epoch, 0, run}
""".replace("MOST_RUNS", str(MOST_RUNS))
)

# KEYS meta[, idempotency]; ARGV record, channel, command of pub/sub, delta, idempotency ttl (ms), as 13 above.
SEND = Script(
    _HEAD
    + """
if KEYS[2] then
  local first = redis.call('GET', KEYS[2])
  if first then
    if ARGV[6] == '1' then redis.call('SET', KEYS[2], first, 'KEEPTTL') end
    local offset, name = string.match(first, '^(%d+):(.*)$')
    return {offset, name, 1, ''}
  end
  redis.call('SET', KEYS[2], '0:', 'PX', ARGV[5])
end
redis.call(ARGV[3], ARGV[2], 'p0:::' .. ARGV[4] .. ':' .. ARGV[1])
return {'0', '', 0, ''}
"""
)

# KEYS stream, meta; ARGV channel, command of pub/sub, new epoch, meta ttl (ms), seen epoch, offset, run, limit (-1 for
# all), reverse, since offset (empty for none), since epoch.
# Returns {epoch, top, last run, reason why not or empty, first offset, entries}.
HISTORY = Script(
    _HEAD
    + _OPEN
    + """
local function was_valid(since_epoch, offset)
  local formers = redis.call('HGET', meta, 'f') or ''
  local mine, list = string.match(formers, '^(%S+) (.*)$')
  if mine ~= epoch then return false end
  for name, last in string.gmatch(list, '(%S+):(%d+)') do
    if name == since_epoch then return offset <= tonumber(last) end
  end
  return false
end
local refused = open(ARGV[3], {ARGV[5], ARGV[6], ARGV[7]}, ARGV[2], ARGV[1])
if refused then return refused end
redis.call('PEXPIRE', meta, math.max(tonumber(ARGV[4]), redis.call('PTTL', stream)))
local limit, reverse, since, since_epoch = tonumber(ARGV[8]), ARGV[9] == '1', ARGV[10], ARGV[11]
local first = top + 1
if since ~= '' then
  if since_epoch ~= '' and since_epoch ~= epoch and not was_valid(since_epoch, tonumber(since)) then
    return {epoch, number(top), last_run(), 'epoch', '', {}}
  end
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if oldest then first = tonumber(string.match(oldest[1], '^%d+')) end
  local is_position = since ~= '0' or since_epoch ~= ''
  local offset = tonumber(since)
  if is_position and not reverse and (offset < first - 1 or offset > top) then
    return {epoch, number(top), last_run(), 'offset', number(first), {}}
  end
end
local entries = {}
local from = since == '' and (reverse and '+' or '-') or '(' .. since .. '-0'
if limit ~= 0 and not (reverse and since == '0') then
  local command = reverse and 'XREVRANGE' or 'XRANGE'
  local to = reverse and '-' or '+'
  if limit < 0 then
    entries = redis.call(command, stream, from, to)
  else
    entries = redis.call(command, stream, from, to, 'COUNT', limit)
  end
end
return {epoch, number(top), last_run(), '', number(first), entries}
"""
)

# KEYS stream, meta; ARGV channel, command of pub/sub, new epoch, seen epoch, offset, run.
# Returns {epoch, top, last run}, all empty where the channel has no position.
RECONCILE = Script(
    _HEAD
    + _OPEN
    + """
if redis.call('EXISTS', meta) == 0 then return {'', '0', ''} end
local refused = open(ARGV[3], {ARGV[4], ARGV[5], ARGV[6]}, ARGV[2], ARGV[1])
if refused then return refused end
return {epoch, number(top), last_run()}
"""
)

# KEYS stream.
REMOVE = Script(_HEAD + "if redis.call('XLEN', KEYS[1]) > 0 then redis.call('UNLINK', KEYS[1]) end\nreturn 1\n")
