-- project: readers are shown what a commit left, where what they read is in another slot than the state.
--
-- Guarantee: what readers see never goes back to an earlier commit: nothing is written unless the guard names one
-- before (OLD), so it may be delivered late, twice, and after those of another lease. A change of a part is made only
-- on top of what it was made from (BEHIND); the caller then sends the whole. While the value is written the guard names
-- none, so what was broken off, or replayed in part from a torn log, is written whole by the next one.
-- The two live for as long, and a guard alone stands before nothing that a later commit has to show.
--
-- KEYS[1]  what readers know   [2] guard HASH: e, v = epoch and version of the commit that is shown
-- ARGV[1]  'string', 'list', 'hash': it is replaced; 'append', 'change': a list, a hash is changed; 'none': it goes
-- ARGV[2]  epoch                   [3] version                [4] ttl of both, ms
-- ARGV[5]  epoch of the commit that a change was made from    [6] version of it
-- ARGV[7]  most entries of a list  [8] channel                [9] message, '' = none
-- ARGV[10] fields that are removed, how many   [11..] these; then values: one, entries, or fields and values
--
-- Returns {'OK', 1 if PUBLISH was refused}  {'OLD', epoch shown, version shown}  {'BEHIND', the same, 0 = nobody knows}
--         {'TYPE', index into KEYS, found type}
-- Writes  both keys; nothing unless it returns OK.

local outward, guard = KEYS[1], KEYS[2]
local kind, epoch, version, ttl_ms, base_epoch, base_version = unpack(ARGV, 1, 6)
local most, channel, message, first = tonumber(ARGV[7]), ARGV[8], ARGV[9], 11 + ARGV[10]
local TYPES = { string = 'string', list = 'list', append = 'list', hash = 'hash', change = 'hash' }
local SLICE = 4000 -- unpack fails above about 8,000 values; even, so that pairs stay together
local expected = { TYPES[kind], 'hash' }
for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if expected[index] and found ~= 'none' and found ~= expected[index] then return { 'TYPE', index, found } end
end

local function number(text) return text and #text <= 15 and text:find('^%d+$') and tonumber(text) or 0 end
local shown = redis.call('HMGET', guard, 'e', 'v')
local shown_epoch, shown_version, e, v = number(shown[1]), number(shown[2]), tonumber(epoch), tonumber(version)
if shown_epoch > e or (shown_epoch == e and shown_version >= v) then return { 'OLD', shown_epoch, shown_version } end
if kind == 'append' or kind == 'change' then
  local based = shown_epoch == tonumber(base_epoch) and shown_version == tonumber(base_version)
  -- On top of nothing a change would look like all there is.
  if not based or redis.call('EXISTS', outward) == 0 then return { 'BEHIND', shown_epoch, shown_version } end
end

local function write(command, from, to)
  for at = from, to, SLICE do
    redis.call(command, outward, unpack(ARGV, at, math.min(at + SLICE - 1, to)))
  end
end
redis.call('HDEL', guard, 'e', 'v') -- first, because it is allowed at maxmemory
if kind == 'string' then
  redis.call('SET', outward, ARGV[first], 'PX', ttl_ms)
elseif kind == 'none' or kind == 'list' or kind == 'hash' then
  redis.call('UNLINK', outward)
end
if TYPES[kind] == 'list' then
  write('RPUSH', first, #ARGV)
  redis.call('LTRIM', outward, -most, -1)
elseif TYPES[kind] == 'hash' then
  write('HDEL', 11, first - 1)
  write('HSET', first, #ARGV)
end
redis.call('PEXPIRE', outward, ttl_ms)
redis.call('HSET', guard, 'e', epoch, 'v', version)
redis.call('PEXPIRE', guard, ttl_ms)
local refused = message ~= '' and type(redis.pcall('PUBLISH', channel, message)) == 'table' and 1 or 0
return { 'OK', refused }
