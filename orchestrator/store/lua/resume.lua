-- resume: these brands may be worked on again.
--
-- Guarantee: a brand whose mark is gone is acquired by the next one who asks. Without any brand that is paused the key
-- is gone.
--
-- KEYS[1]   paused  HASH, brand -> mark, '' -> revision
-- ARGV[1]   revision: no other change has the same one
-- ARGV[2..] brands
--
-- Returns {'OK', mark of each brand, at most 4096 bytes, '' = it had none}  {'TYPE', index into KEYS, found type}
-- Writes  paused; nothing unless it returns OK.

local paused, revision = KEYS[1], ARGV[1]
local FIRST_BRAND, MARK_BYTES = 2, 4096

local found = redis.call('TYPE', paused).ok
if found ~= 'none' and found ~= 'hash' then
  return { 'TYPE', 1, found }
end
redis.call('HDEL', paused, '') -- these two are the rehearsal as well
if redis.call('EXISTS', paused) == 1 then redis.call('HSET', paused, '', revision) end
local answer = { 'OK' }
for place = FIRST_BRAND, #ARGV do
  answer[#answer + 1] = (redis.call('HGET', paused, ARGV[place]) or ''):sub(1, MARK_BYTES)
  redis.call('HDEL', paused, ARGV[place])
end
if redis.call('HLEN', paused) == 1 then redis.call('HDEL', paused, '') end
return answer
