-- begin: count an attempt at the head of the queue. The caller sends LRANGE right after it.
--
-- Guarantee: only the holder of the lease is answered, and its lock lives for a whole ttl
-- from here. The attempt is counted before the chunks are read, so that an item which kills
-- its reader is noticed by the next one. An empty queue is no attempt.
--
-- KEYS[1]  lock   STRING
-- KEYS[2]  meta   HASH
-- KEYS[3]  queue  LIST
-- ARGV[1]  token
-- ARGV[2]  lock ttl, milliseconds
--
-- Returns {'OK', cid, version, attempts, now_ms, queued}
--         {'FENCED'}                          the lock is not the caller's
--         {'TYPE', index into KEYS, found}    queue or meta has a foreign type
-- Writes  expiry of lock, meta.attempts; nothing unless it returns OK.

local lock, meta, queue = KEYS[1], KEYS[2], KEYS[3]
local token, lock_ttl_ms = ARGV[1], ARGV[2]
local expected = { 'string', 'hash', 'list' }

for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[index] then
    return { 'TYPE', index, found }
  end
end

if redis.call('GET', lock) ~= token then
  return { 'FENCED' }
end

local cid, version, attempts = unpack(redis.call('HMGET', meta, 'cid', 'version', 'attempts'))
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local queued = redis.call('LLEN', queue)

redis.call('PEXPIRE', lock, lock_ttl_ms) -- first, because it is allowed at maxmemory
if queued > 0 then
  attempts = redis.call('HINCRBY', meta, 'attempts', 1)
end

return { 'OK', cid or '', tonumber(version) or 0, tonumber(attempts) or 0, now_ms, queued }
