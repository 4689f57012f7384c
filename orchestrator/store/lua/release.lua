-- release: give a lease back.
--
-- Guarantee: deletes the lock if and only if it holds the caller's token. A caller that
-- peeked and gave up in good order says so, and its attempt is forgiven: it proves nothing
-- against the items at the head of the queue. One whose step hung says how many items it had in
-- hand: the next one tries these before it folds them.
--
-- KEYS[1]  lock  STRING
-- KEYS[2]  meta  HASH
-- ARGV[1]  token
-- ARGV[2]  '1' to forgive one attempt, '0' not to
-- ARGV[3]  suspects from the head of the queue on, 0 = none
--
-- Returns {'OK'}, {'FENCED'} or {'TYPE', index into KEYS, found type}
-- Writes  lock, meta.attempts, meta.suspects; nothing unless it returns OK.

local lock, meta = KEYS[1], KEYS[2]
local token, forgive, suspects = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3])
local expected = { 'string', 'hash' }

for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[index] then
    return { 'TYPE', index, found }
  end
end

if redis.call('GET', lock) ~= token then
  return { 'FENCED' }
end

local attempts = tonumber(redis.call('HGET', meta, 'attempts')) or 0
redis.call('DEL', lock) -- allowed at maxmemory
if forgive and attempts > 0 then
  redis.call('HINCRBY', meta, 'attempts', -1)
end
if suspects > 0 then
  redis.call('HSET', meta, 'suspects', suspects)
end
return { 'OK' }
