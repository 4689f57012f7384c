-- purge: everything that is kept of a brand goes, in one step.
--
-- Guarantee: all of it or nothing, whoever holds the brand, and at whatever instant the caller is killed: it may be
-- sent again. Who holds the brand loses the lease in the same step, so that nothing that was folded from the old state
-- is written back; the lock then stays with this purge for a moment, in which every process hears that the registry has
-- to be read again. The next lease begins with an empty state. Its epoch is greater than any before, because epochs are
-- not less than the clock: only an epoch ahead of the clock is kept, alone in meta.
--
-- KEYS[1]  lock    STRING
-- KEYS[2]  meta    HASH
-- KEYS[3]  paused  HASH, brand -> mark, '' -> revision
-- KEYS[4]  parked  HASH, brand -> why
-- KEYS[5]  queue   LIST
-- KEYS[6]  failed  LIST
-- KEYS[7]  archiving HASH
-- KEYS[8..] the other keys of the brand, of any type, and what each commit consumed that waits for the archive
-- ARGV[1]  token, of no lease                      [2]  brand
-- ARGV[3]  '1' = the queue goes, too               [4]  '1' = the dead letters go, too
-- ARGV[5]  ms for which the lock stays             [6]  revision: no other change has the same one
-- ARGV[7]  cid of the last record that the caller knows of
--
-- Returns {'OK', 1 | 0: somebody held the lease, keys that went, chunks that went, dead letters that went}
--         {'STALE', 1 | 0}: there is a record that the caller does not know of, whose payloads would stay
-- Writes  every key; with STALE the lock alone, so that by the next call there is no other one.

local lock, meta, paused, parked, queue, failed = unpack(KEYS, 1, 6)
local token, brand, with_queue, with_failed, hold_ms, revision, last = unpack(ARGV, 1, 7)
local FIRST = 7

local function kind(key) return redis.call('TYPE', key).ok end
local function length(key) return kind(key) == 'list' and redis.call('LLEN', key) or 0 end
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local epoch = kind(meta) == 'hash' and redis.call('HGET', meta, 'epoch')
local ahead = epoch and #epoch <= 15 and epoch:find('^%d+$') and tonumber(epoch) > now_ms
local chunks = with_queue == '1' and length(queue) or 0
local letters = with_failed == '1' and length(failed) or 0
local mine = kind(lock) == 'string' and redis.call('GET', lock) == token
local held = mine and 0 or redis.call('EXISTS', lock)
local recorded = kind(KEYS[FIRST]) == 'hash' and redis.call('HGET', KEYS[FIRST], 'last') or ''
local knows_pauses, knows_parked = kind(paused), kind(parked)

-- PEXPIRE comes first because it is allowed at maxmemory, and opens the door for the rest. With the lock in hand, what
-- is refused after it is done by the next purge.
redis.call('PEXPIRE', lock, hold_ms)
redis.call('SET', lock, token, 'PX', hold_ms)
if recorded ~= last then return { 'STALE', held } end
local tells = knows_pauses == 'hash' or knows_pauses == 'none'
if tells then
  redis.call('HDEL', paused, '')
  redis.call('HSET', paused, '', revision)
end
local gone = 0
for at = FIRST, #KEYS do
  gone = gone + redis.call('UNLINK', KEYS[at])
end
if with_queue == '1' then gone = gone + redis.call('UNLINK', queue) end
if with_failed == '1' then gone = gone + redis.call('UNLINK', failed) end
if knows_parked == 'hash' then redis.call('HDEL', parked, brand) end
gone = gone + redis.call('UNLINK', meta)
if ahead then redis.call('HSET', meta, 'epoch', epoch) end
-- The pause ends last: where UNLINK is refused the brand is there, and is not to go on.
if tells then redis.call('HDEL', paused, brand) end
-- Alone the revision is for those who look by then. Who pauses a brand removes it first, and with it the expiry.
if tells and redis.call('HLEN', paused) == 1 then redis.call('PEXPIRE', paused, 12 * hold_ms) end
return { 'OK', held, gone, chunks, letters }
