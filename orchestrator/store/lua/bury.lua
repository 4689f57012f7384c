-- bury: dead letters come from the outbox in the slot of their queue into the list that operators know.
--
-- Guarantee: a letter is in the list once, however often it is sent and by whom: each has a stamp, which grows from
-- letter to letter and from lease to lease, and the guard names the last one that came. Its lease must be the latest of
-- which the guard knows (AHEAD), or its letters would be taken for some that came already. Entries come before the
-- guard: a log that was torn between them doubles a letter, and loses none.
--
-- KEYS[1]  failed LIST   [2] guard HASH: stamp = of the last letter that came
-- ARGV[1]  cap of failed                    [2] 'pause' or 'drop_oldest'
-- ARGV[3]  epoch of the lease, 16 digits    [4..] stamp and entry of each letter, by ascending stamps
--
-- Returns {'OK', stamp of the last letter that is there, length of failed, letters dropped}
--         {'FULL', the same stamp, '' = none came ever, length of failed}  those after it are not there
--         {'AHEAD', stamp of a later lease}  {'TYPE', index into KEYS, found type}
-- Writes  both keys; nothing with AHEAD and TYPE.

local failed, guard = KEYS[1], KEYS[2]
local cap, policy, epoch, FIRST = tonumber(ARGV[1]), ARGV[2], ARGV[3], 4
local expected = { 'list', 'hash' }
for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[index] then return { 'TYPE', index, found } end
end

local last = redis.call('HGET', guard, 'stamp') or ''
if #last ~= 36 or not last:find('^%d+%.%d+%.%d+$') then last = '' end -- whatever it is: twice is better than never
if last:sub(1, 16) > epoch then return { 'AHEAD', last } end
local length, dropped = redis.call('LLEN', failed), 0

redis.call('HDEL', guard, '') -- first, because it is allowed at maxmemory
redis.call('HSET', guard, 'stamp', last) -- a rehearsal
for at = FIRST, #ARGV, 2 do
  if ARGV[at] > last then
    if policy == 'pause' and length >= cap then
      redis.call('HSET', guard, 'stamp', last)
      return { 'FULL', last, length }
    end
    length, last = redis.call('RPUSH', failed, ARGV[at + 1]), ARGV[at]
  end
end
if length > cap and policy ~= 'pause' then
  dropped = length - cap
  redis.call('LTRIM', failed, dropped, -1)
end
redis.call('HSET', guard, 'stamp', last)
return { 'OK', last, length - dropped, dropped }
