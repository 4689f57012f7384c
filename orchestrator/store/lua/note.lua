-- note: the holder says which range it is about to put into the archive.
--
-- Guarantee: only for the holder (FENCED), and only of a range that begins and ends where it says (STALE). After it the
-- range is put whole or not at all, by whoever has the hold then, and never as a part of another one.
--
-- KEYS[1]  records LIST   [2] archiving HASH
-- ARGV[1]  token            [2] note, JSON   [3] cid of its first record   [4] of its last one   [5] how many
--
-- Returns {'OK'}  {'FENCED'}  {'STALE', cid found at the end that does not fit}  {'TYPE', index into KEYS, found type}
-- Writes  archiving.note.

local records, archiving = KEYS[1], KEYS[2]
local token, note, first, last, count = unpack(ARGV, 1, 5)
local expected = { 'list', 'hash' }
for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[index] then return { 'TYPE', index, found } end
end
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local writer, till = unpack(redis.call('HMGET', archiving, 'writer', 'until'))
if writer ~= token or (tonumber(till or 0) or 0) <= now_ms then return { 'FENCED' } end
for place, cid in pairs({ [0] = first, [tonumber(count) - 1] = last }) do
  local head = redis.call('LINDEX', records, place)
  local found = head and head:match('"cid":"([%w-]+)"') or ''
  if found ~= cid then return { 'STALE', found } end
end
redis.call('HDEL', archiving, '') -- first, because it is allowed at maxmemory
redis.call('HSET', archiving, 'note', note)
return { 'OK' }
