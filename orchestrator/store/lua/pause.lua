-- pause: nobody works on these brands any more, until they are resumed or their time is over.
--
-- Guarantee: once it has answered, no commit of these brands goes through. The mark is set and the lock taken away in
-- one step: who held a lease finds at its next begin, commit or renew that it holds none (FENCED), and acquire refuses
-- a new one while the mark is there. What is under way is folded again later, and counts once.
--
-- KEYS[1]   paused  HASH, brand -> mark, '' -> revision
-- KEYS[2..] locks   STRING, one for each brand
-- ARGV[1]   revision: no other change has the same one
-- ARGV[2]   mark
-- ARGV[3..] brands
--
-- Returns {'OK', 1 | 0 for each brand: somebody held its lease}  {'TYPE', index into KEYS, found type}
-- Writes  paused, locks; nothing unless it returns OK.

local paused, revision, mark = KEYS[1], ARGV[1], ARGV[2]
local FIRST_LOCK, FIRST_BRAND = 2, 3

local found = redis.call('TYPE', paused).ok
if found ~= 'none' and found ~= 'hash' then
  return { 'TYPE', 1, found }
end
-- HDEL comes first because it is allowed at maxmemory, and opens the door for the rest: a full Redis can be paused too.
redis.call('HDEL', paused, '')
redis.call('HSET', paused, '', revision)
local answer = { 'OK' }
for place = 0, #KEYS - FIRST_LOCK do
  answer[#answer + 1] = redis.call('DEL', KEYS[FIRST_LOCK + place])
  redis.call('HSET', paused, ARGV[FIRST_BRAND + place], mark)
end
return answer
