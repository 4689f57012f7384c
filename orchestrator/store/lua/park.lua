-- park: entries of brands that are left alone are written, exchanged or taken out, if they are as they were seen.
--
-- Guarantee: of two processes that change an entry at once, the second finds it changed and does nothing, and looks
-- again a few seconds later. Nothing is decided by the key: a lost entry is made up for by the next look at its brand.
--
-- KEYS[1]  parked  HASH, brand -> entry
-- ARGV[1]  milliseconds that the key lives after this
-- ARGV[2]  most entries
-- ARGV[3..] three for each brand: its name, its entry as it was seen ('' = none), the new one ('' = none)
--
-- Returns {'OK', 1 | 0 for each brand: done, or not}  {'TYPE', index into KEYS, found type}
-- Writes  parked; nothing unless it returns OK.

local parked = KEYS[1]
local ttl_ms, most = ARGV[1], tonumber(ARGV[2])

local found = redis.call('TYPE', parked).ok
if found ~= 'none' and found ~= 'hash' then
  return { 'TYPE', 1, found }
end
redis.call('PEXPIRE', parked, ttl_ms) -- first, because it is allowed at maxmemory
-- More than there can be of us: somebody filled it.
if redis.call('HLEN', parked) > most then redis.call('DEL', parked) end
local answer = { 'OK' }
for at = 3, #ARGV, 3 do
  local brand, seen, entry = unpack(ARGV, at, at + 2)
  local fits = (redis.call('HGET', parked, brand) or '') == seen
  if fits and entry == '' then
    redis.call('HDEL', parked, brand)
  elseif fits and (seen ~= '' or redis.call('HLEN', parked) < most) then
    redis.call('HSET', parked, brand, entry)
  else
    fits = false
  end
  answer[#answer + 1] = fits and 1 or 0
end
redis.call('PEXPIRE', parked, ttl_ms)
return answer
