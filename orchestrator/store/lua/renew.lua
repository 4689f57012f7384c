-- renew: let a lease live for another ttl.
--
-- Guarantee: extends the lock if and only if it holds the caller's token; a lock that
-- expired is not taken again, because somebody else may have held it in between.
--
-- KEYS[1]  lock  STRING
-- ARGV[1]  token
-- ARGV[2]  lock ttl, milliseconds
--
-- Returns {'OK'}, {'FENCED'} or {'TYPE', 1, found type}
-- Writes  expiry of lock; nothing unless it returns OK.

local lock = KEYS[1]
local token, lock_ttl_ms = ARGV[1], ARGV[2]

local found = redis.call('TYPE', lock).ok
if found ~= 'none' and found ~= 'string' then
  return { 'TYPE', 1, found }
end

if redis.call('GET', lock) ~= token then
  return { 'FENCED' }
end

redis.call('PEXPIRE', lock, lock_ttl_ms)
return { 'OK' }
