-- arrive: dead letters that were taken out of their list come into a queue in another slot.
--
-- Guarantee: a payload is pushed once, however often it is sent and by whom: each has an id, and the ids that came are
-- remembered. The push comes first: a log that was torn behind it pushes once more, and a chunk counts once all the
-- same. Of too many ids the oldest go; an id begins with its time.
--
-- KEYS[1]  queue LIST   [2] moved HASH, id -> 1
-- ARGV[1]  ttl of moved, ms   [2] most ids   [3..] id and payload of each letter
--
-- Returns {'OK', payloads that were pushed}  {'TYPE', index into KEYS, found type}
-- Writes  both keys; nothing with TYPE.

local queue, moved = KEYS[1], KEYS[2]
local ttl_ms, most, FIRST = ARGV[1], tonumber(ARGV[2]), 3
local expected = { 'list', 'hash' }
for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[index] then return { 'TYPE', index, found } end
end
local pushed = 0

redis.call('PEXPIRE', moved, ttl_ms) -- first, because it is allowed at maxmemory
redis.call('HDEL', moved, '') -- a rehearsal, twice: HSET leaves something if HDEL is refused after it
redis.call('HSET', moved, '', '')
redis.call('HDEL', moved, '')
for at = FIRST, #ARGV, 2 do
  if not redis.call('HGET', moved, ARGV[at]) then
    redis.call('RPUSH', queue, ARGV[at + 1])
    redis.call('HSET', moved, ARGV[at], 1)
    pushed = pushed + 1
  end
end
if redis.call('HLEN', moved) > most then
  local ids = redis.call('HKEYS', moved)
  table.sort(ids)
  for at = 1, #ids - most do
    redis.call('HDEL', moved, ids[at])
  end
end
redis.call('PEXPIRE', moved, ttl_ms)
return { 'OK', pushed }
