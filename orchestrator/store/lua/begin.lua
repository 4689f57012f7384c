-- begin: count an attempt at the head of the queue. The caller sends LRANGE right after it.
-- And look at what follows: how many further items may the LRANGE after that one read?
--
-- Guarantee: only the holder of the lease is answered, and its lock lives for a whole ttl
-- from here. The attempt is counted before the chunks are read, so that an item which kills
-- its reader is noticed by the next one. An empty queue is no attempt.
-- Of each few items one is looked at, at a place that nobody can guess: to look costs Redis what
-- it hashes, a nanosecond a byte. Items of one size that begin anywhere in between are noticed
-- within two times as many.
--
-- KEYS[1]  lock   STRING
-- KEYS[2]  meta   HASH
-- KEYS[3]  queue  LIST
-- ARGV[1]  token
-- ARGV[2]  lock ttl, milliseconds
-- ARGV[3]  index of the first item to look at
-- ARGV[4]  most items that the caller wants from there
-- ARGV[5]  bytes that they may have
-- ARGV[6]  of so many items one is looked at; so many may be read without a look
-- ARGV[7]  random number, at most 2^31 - 1
--
-- Returns {'OK', cid, version, attempts, now_ms, queued, how many may be read from there, suspects from the head on}
--         {'FENCED'}                          the lock is not the caller's
--         {'TYPE', index into KEYS, found}    queue or meta has a foreign type
-- Writes  expiry of lock, meta.attempts; nothing unless it returns OK.

local lock, meta, queue = KEYS[1], KEYS[2], KEYS[3]
local token, lock_ttl_ms = ARGV[1], ARGV[2]
local first, wanted, most_bytes, each = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
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

local function fitting(queued)
  if wanted <= each then return each end
  math.randomseed(tonumber(ARGV[7]))
  local stop, bytes = math.min(first + wanted, queued), 0
  for from = first, stop - 1, each do
    local count = math.min(each, stop - from)
    bytes = bytes + count * #redis.call('LINDEX', queue, from + math.random(count) - 1)
    if bytes > most_bytes then return from - first end
  end
  return math.min(wanted, math.max(0, stop - first) + each) -- by then, more may have come
end

local cid, version, attempts, suspects = unpack(redis.call('HMGET', meta, 'cid', 'version', 'attempts', 'suspects'))
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local queued = redis.call('LLEN', queue)
local fits = fitting(queued)

redis.call('PEXPIRE', lock, lock_ttl_ms) -- first, because it is allowed at maxmemory
if queued > 0 then
  attempts = redis.call('HINCRBY', meta, 'attempts', 1)
end

return {
  'OK', cid or '', tonumber(version) or 0, tonumber(attempts) or 0, now_ms, queued, fits, tonumber(suspects) or 0,
}
