-- owe: readers do not see what this brand's last commit left, so whoever comes next shows it to them anew.
--
-- Guarantee: changes nothing while somebody holds the brand (BUSY), who shows it, nor if something was shown since the
-- caller looked (STALE). It may be repeated.
--
-- KEYS[1]  lock STRING   [2] meta HASH
-- ARGV[1]  meta.shown as the caller saw it, '' = none
--
-- Returns {'OK'}  {'BUSY'}  {'STALE'}  {'TYPE', index into KEYS, found type}
-- Writes  meta.due.

local lock, meta = KEYS[1], KEYS[2]

local found = redis.call('TYPE', meta).ok
if found ~= 'none' and found ~= 'hash' then return { 'TYPE', 2, found } end
if redis.call('EXISTS', lock) == 1 then return { 'BUSY' } end
if (redis.call('HGET', meta, 'shown') or '') ~= ARGV[1] then return { 'STALE' } end
redis.call('HDEL', meta, '') -- first, because it is allowed at maxmemory
redis.call('HSET', meta, 'due', 1)
return { 'OK' }
