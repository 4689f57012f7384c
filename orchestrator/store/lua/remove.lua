-- remove: a range of records leaves Redis, because it is in the archive, or cannot be read.
--
-- Guarantee: just the range that was noted, by the cids at both ends and never by its number alone (STALE): who comes
-- late removes nothing of anybody's. It needs no hold, because what was put was put. It may be delivered twice.
--
-- KEYS[1]  records LIST   [2] archiving HASH   [3..] consumed LIST of each commit in the range
-- ARGV[1]  note, JSON, '' = none, with a token  [2] cid of its first record  [3] of its last one  [4] how many
-- ARGV[5]  bytes that they take                 [6] '1' = they are not in the archive: they count as skipped
-- ARGV[7]  token of the holder, where there is no note
--
-- Returns {'OK', records left}  {'STALE', cid found at the end that does not fit, or ''}
--         {'TYPE', index into KEYS, found type}
-- Writes  archiving, records, consumed.

local records, archiving = KEYS[1], KEYS[2]
local note, first, last, count, bytes, lost, token = unpack(ARGV, 1, 7)
local expected = { 'list', 'hash' }
for index, kind in ipairs(expected) do
  local found = redis.call('TYPE', KEYS[index]).ok
  if found ~= 'none' and found ~= kind then return { 'TYPE', index, found } end
end
local told = redis.call('HMGET', archiving, 'note', 'writer', 'bytes', 'skipped')
if note ~= '' and told[1] ~= note or note == '' and told[2] ~= token then return { 'STALE', '' } end
for place, cid in pairs({ [0] = first, [tonumber(count) - 1] = last }) do
  local head = redis.call('LINDEX', records, place)
  local found = head and head:match('"cid":"([%w-]+)"') or ''
  if #found > 64 then found = '' end -- no id of ours; what has none is taken out by that, so it must be there
  if not head or found ~= cid then return { 'STALE', found } end
end

redis.call('HDEL', archiving, '') -- first, because it is allowed at maxmemory
for at = 3, #KEYS do
  redis.call('UNLINK', KEYS[at])
end
redis.call('LTRIM', records, count, -1)
local left = redis.call('LLEN', records)
local waits = left == 0 and 0 or math.max(0, (tonumber(told[3] or 0) or 0) - tonumber(bytes))
local head = redis.call('LINDEX', records, 0)
local since = head and head:match('"nowMs":(%d+)')
redis.call('HSET', archiving, 'bytes', waits)
redis.call('HDEL', archiving, 'note', since and '' or 'since')
if since then redis.call('HSET', archiving, 'since', since) end
if lost == '1' then redis.call('HSET', archiving, 'skipped', (tonumber(told[4] or 0) or 0) + tonumber(count)) end
return { 'OK', left }
