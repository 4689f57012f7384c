-- claim: which of these brands want an orchestrator, and what waits in the queues of all of them?
--
-- Guarantee: a hint, nothing more. It takes no lease; two orchestrators may get the same
-- answer, and acquire decides between them. A brand whose queue or meta has a foreign type, or
-- whose due is no number, is reported too: acquire then says what is wrong with it.
-- A lock that would outlive its ttl, which its token tells, is brought to it, as acquire does: while it stands,
-- nobody gets so far as to acquire. One of a foreign type is none.
--
-- KEYS     three a brand: lock STRING, meta HASH, queue LIST; at most 512 brands
-- ARGV[1]  lock ttl, milliseconds
-- ARGV[2]  longest ttl that somebody else's token may tell, milliseconds
-- ARGV[3]... without KEYS: the same names, on one node of a cluster, where declared keys have to share a slot. One of
--         another node is an error, and the question is put again when it is known who has what.
--
-- Returns {now_ms, indexes, shortened, waiting}: the server's time; the indexes (0 = first brand) of those
--         without a lock and without chunks that are to be looked at: a refresh is due (meta.due, Unix
--         milliseconds, 0 = never), or something is wrong; {index, milliseconds that its lock would
--         have lived, or -1} of each that was shortened; and, flat, because a table each costs as much
--         as the looks: index, chunks, version of each brand with chunks queued. Chunks are negative
--         under a lock. A version (as meta has it, '' = none) that is another one than at the last
--         claim says that somebody took chunks since.
-- Writes  expiry of such locks, where the server takes writes; nothing else.

local keys, lock_ttl_ms = KEYS, tonumber(ARGV[1]) -- a local is found faster than a global, 15,000 times
local most_told_ms = tonumber(ARGV[2])
if #keys == 0 then
  keys = {}
  for place = 3, #ARGV do keys[place - 2] = ARGV[place] end
end

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function due(meta)
  local due_ms = redis.pcall('HGET', meta, 'due')
  if type(due_ms) == 'table' or (due_ms and not due_ms:find('^%d+$')) then
    return true
  end
  due_ms = tonumber(due_ms or 0)
  return due_ms > 0 and due_ms <= now_ms
end

-- How long a lock may live: its holder's ttl stands at the end of its token, and who has a smaller one does
-- not shorten a colleague's.
local function most_ms(holder)
  return math.max(lock_ttl_ms, math.min(tonumber(holder:match(':(%d+)$') or 0), most_told_ms))
end

local asked_for, shortened, waiting, at = {}, {}, {}, 0
for first = 1, #keys, 3 do
  local lock, meta, index = keys[first], keys[first + 1], (first - 1) / 3
  local queued, left_ms = redis.pcall('LLEN', keys[first + 2]), redis.call('PTTL', lock)
  local holder = (left_ms == -1 or left_ms > lock_ttl_ms) and redis.pcall('GET', lock)
  local free = left_ms == -2 or type(holder) == 'table' -- no lock
  if type(queued) == 'number' and queued > 0 then
    local version = redis.pcall('HGET', meta, 'version')
    waiting[at + 1], waiting[at + 2] = index, free and queued or -queued
    waiting[at + 3] = type(version) == 'string' and version or ''
    at = at + 3
  elseif free and (type(queued) == 'table' or due(meta)) then
    asked_for[#asked_for + 1] = index
  end
  if holder and not free and (left_ms < 0 or left_ms > most_ms(holder)) then
    if type(redis.pcall('PEXPIRE', lock, most_ms(holder))) == 'number' then
      shortened[#shortened + 1] = { index, left_ms }
    end
  end
end
return { now_ms, asked_for, shortened, waiting }
