-- adopt: say yes to the history that a brand loses under other settings.
--
-- Guarantee: the yes is to going on from the settings that the caller saw: if a commit wrote others
-- meanwhile, nothing is changed. It changes no state and needs no lease. A process with the adopted
-- settings acquires the brand from then on, and the first commit with other settings than the
-- present ones takes the yes away.
--
-- KEYS[1]  meta  HASH
-- ARGV[1]  settings of the last commit, as the caller saw them
-- ARGV[2]  settings that are adopted
--
-- Returns {'OK'}
--         {'SETTINGS', settings of the last commit}  others than the caller saw, '' = none
--         {'TYPE', index into KEYS, found type}
-- Writes  meta.adopted; nothing unless it returns OK.

local meta = KEYS[1]
local seen, adopted = ARGV[1], ARGV[2]

local found = redis.call('TYPE', meta).ok
if found ~= 'none' and found ~= 'hash' then
  return { 'TYPE', 1, found }
end
local settings = redis.call('HGET', meta, 'settings') or ''
if settings == '' or settings ~= seen then
  return { 'SETTINGS', settings }
end
-- HDEL of no field comes first because it is allowed at maxmemory, and opens the door for the rest.
redis.call('HDEL', meta, '')
redis.call('HSET', meta, 'adopted', adopted)
return { 'OK' }
