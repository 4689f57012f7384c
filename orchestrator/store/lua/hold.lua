-- hold: the right to bring what a brand consumed into the archive, taken, kept, or given back.
--
-- Guarantee: at most one token has it at any time by the server's clock. What its holder noted of a range stays until
-- that range is removed, so the next holder finds it; a note of a range that is not at the head any more (the brand was
-- purged) is forgotten here, and so are bytes of which no record is there. A hold that lasts longer than any may is
-- brought to the longest one.
--
-- KEYS[1]  records LIST   [2] archiving HASH
-- ARGV[1]  token            [2] hold, ms, 0 = give it back   [3] '1' = only if it is had already
-- ARGV[4]  the longest hold, ms
--
-- Returns {'OK', note or ''}  {'BUSY', ms that it is held for}  {'TYPE', index into KEYS, found type}
-- Writes  archiving: writer, until, and note and bytes if they are forgotten.

local records, archiving = KEYS[1], KEYS[2]
local token, hold_ms, had, most_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4])
local expected = { 'list', 'hash' }
for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[index] then return { 'TYPE', index, found } end
end
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local writer, till, note = unpack(redis.call('HMGET', archiving, 'writer', 'until', 'note'))
local left_ms = (tonumber(till or 0) or 0) - now_ms
local mine = writer == token
if not mine and writer and left_ms > 0 then
  if left_ms > most_ms then redis.call('HSET', archiving, 'until', now_ms + most_ms) end
  return { 'BUSY', math.min(left_ms, most_ms) }
end
if not mine and (had or hold_ms == 0) then return { 'BUSY', 0 } end

redis.call('HDEL', archiving, '') -- first, because it is allowed at maxmemory
if hold_ms == 0 then
  redis.call('HDEL', archiving, 'writer', 'until')
  return { 'OK', '' }
end
redis.call('HSET', archiving, 'writer', token, 'until', now_ms + hold_ms)
-- Somebody took the list away: bytes of which nothing is there would hold the brand up at its bound for ever.
if redis.call('LLEN', records) == 0 then redis.call('HDEL', archiving, 'bytes') end
local head = note and redis.call('LINDEX', records, 0) or ''
local first = note and note:match('"first":"([%w-]+)"')
if note and (not first or head:match('"cid":"([%w-]+)"') ~= first) then
  redis.call('HDEL', archiving, 'note')
  note = ''
end
return { 'OK', note or '' }
