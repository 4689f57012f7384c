-- bury: dead letters come from the outbox in the slot of their queue into the list that operators know.
--
-- Guarantee: a letter is in the list once, however often it is sent and by whom: each has a stamp that begins with the
-- epoch of its lease and grows from letter to letter, and the guard names for each epoch the last one that came. Epochs
-- are not compared with each other, so one that a clock gave too small loses no letter. Marks of the oldest ones go:
-- their letters left the outbox long ago. Entries come before marks: a torn log doubles a letter, and loses none.
--
-- KEYS[1]  failed LIST   [2] guard HASH, epoch -> stamp of its last letter that came
-- ARGV[1]  cap of failed            [2] 'pause' or 'drop_oldest'
-- ARGV[3]  epochs that are kept     [4..] stamp and entry of each letter, by ascending stamps
--
-- Returns {'OK', stamp of the last letter, length of failed, letters dropped}
--         {'FULL', stamp of the last letter that is there, '' = none of these, length of failed}
--         {'TYPE', index into KEYS, found type}
-- Writes  both keys; nothing with TYPE.

local failed, guard = KEYS[1], KEYS[2]
local cap, policy, most, FIRST, EPOCH_CHARS = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), 4, 16
local expected = { 'list', 'hash' }
for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[index] then return { 'TYPE', index, found } end
end
local length, dropped, full, there = redis.call('LLEN', failed), 0, false, ''

redis.call('HDEL', guard, '') -- first, because it is allowed at maxmemory
redis.call('HSET', guard, '', '') -- a rehearsal
redis.call('HDEL', guard, '')
for at = FIRST, #ARGV, 2 do
  local stamp = ARGV[at]
  local epoch = stamp:sub(1, EPOCH_CHARS)
  if stamp > (redis.call('HGET', guard, epoch) or '') then
    full = policy == 'pause' and length >= cap
    if full then break end
    length = redis.call('RPUSH', failed, ARGV[at + 1])
    redis.call('HSET', guard, epoch, stamp)
  end
  there = stamp
end
if length > cap and policy ~= 'pause' then
  dropped = length - cap
  redis.call('LTRIM', failed, dropped, -1)
  length = cap
end
if redis.call('HLEN', guard) > most then
  local epochs = redis.call('HKEYS', guard)
  table.sort(epochs)
  for at = 1, #epochs - most do
    redis.call('HDEL', guard, epochs[at])
  end
end
if full then return { 'FULL', there, length } end
return { 'OK', there, length, dropped }
