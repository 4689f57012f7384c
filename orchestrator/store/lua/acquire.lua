-- acquire: take the lease of one brand.
--
-- Guarantee: at most one token holds a brand at any time; every lease has a greater
-- epoch than any lease before it, even than one that a failover or a cut log forgot,
-- because an epoch is never less than the server's clock in milliseconds. Acquiring again
-- with one's own token (the first reply was lost) is allowed, and gives a new epoch too.
-- A brand that has a key of a foreign type, or state of a format that the caller cannot read,
-- is not acquired. One of an older format keeps it until the first commit writes another.
--
-- KEYS[1]  lock     STRING
-- KEYS[2]  meta     HASH
-- KEYS[3]  state    HASH
-- KEYS[4]  seen0    SET
-- KEYS[5]  seen1    SET
-- KEYS[6]  queue    LIST
-- KEYS[7]  failed   LIST
-- KEYS[8]  summary  STRING
-- KEYS[9]  spike    LIST
-- KEYS[10] trend    HASH
-- KEYS[11] recent   LIST
-- ARGV[1]  token
-- ARGV[2]  lock ttl, milliseconds
-- ARGV[3]  number of the oldest state format that the caller reads
-- ARGV[4]  number of the newest one, which it writes
--
-- Returns {'OK', epoch, version, cid, attempts, due_ms, now_ms, queued}
--         {'BUSY', milliseconds until the lock expires}
--         {'TYPE', index into KEYS, found type}
--         {'NEWER', found format}  {'FORMAT', found format}, which is older
-- Writes  lock (SET with PX), meta.epoch; nothing unless it returns OK.

local lock, meta, queue = KEYS[1], KEYS[2], KEYS[6]
local token, lock_ttl_ms, oldest_format, newest_format = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local expected = { 'string', 'hash', 'hash', 'set', 'set', 'list', 'list', 'string', 'list', 'hash', 'list' }

for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[index] then
    return { 'TYPE', index, found }
  end
end

local epoch, version, cid, attempts, due_ms, found_format =
  unpack(redis.call('HMGET', meta, 'epoch', 'version', 'cid', 'attempts', 'due', 'format'))
local format = tonumber(found_format or newest_format) or 0
-- Before BUSY: who cannot read the brand would else come back as soon as the lock is gone.
if format > newest_format then
  return { 'NEWER', found_format }
end
local holder = redis.call('GET', lock)
if holder and holder ~= token then
  return { 'BUSY', redis.call('PTTL', lock) }
end
if format < oldest_format then
  return { 'FORMAT', found_format }
end

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
epoch = math.max((tonumber(epoch) or 0) + 1, now_ms)

-- PEXPIRE comes first because it is allowed at maxmemory; a script whose first write was
-- allowed may go on writing, and an orchestrator that cannot acquire cannot drain the queue.
redis.call('PEXPIRE', lock, lock_ttl_ms)
redis.call('SET', lock, token, 'PX', lock_ttl_ms, 'XX') -- a rehearsal: without a lock it sets none
redis.call('HSET', meta, 'epoch', string.format('%.0f', epoch))
redis.call('SET', lock, token, 'PX', lock_ttl_ms)

return {
  'OK', epoch, tonumber(version) or 0, cid or '', tonumber(attempts) or 0,
  tonumber(due_ms) or 0, now_ms, redis.call('LLEN', queue),
}
