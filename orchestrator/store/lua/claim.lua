-- claim: which of these brands want an orchestrator, and what waits in the queues of all of them?
--
-- Guarantee: a hint, nothing more. It takes no lease; two orchestrators may get the same
-- answer, and acquire decides between them. A brand whose queue or meta has a foreign type, or
-- whose due is no number, is reported too: acquire then says what is wrong with it.
-- A lock that would outlive a ttl is brought to one, as acquire does: while it stands, nobody
-- gets so far as to acquire.
--
-- KEYS     three a brand: lock STRING, meta HASH, queue LIST; at most 512 brands
-- ARGV[1]  lock ttl, milliseconds
--
-- Returns {now_ms, indexes, shortened, waiting}: the server's time; the indexes (0 = first brand) of those
--         without a lock that have chunks queued or whose refresh is due (meta.due, Unix
--         milliseconds, 0 = never); {index, milliseconds that its lock would have lived, or -1}
--         of each that was shortened; and {index, chunks, version} of each that has chunks queued,
--         with a lock or without: a version (as meta has it, '' = none) that is another one than at
--         the last claim says that somebody took chunks since.
-- Writes  expiry of such locks, where the server takes writes; nothing else.

local lock_ttl_ms = tonumber(ARGV[1])

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function wanted(meta, queued)
  if type(queued) == 'table' or queued > 0 then
    return true
  end
  local due_ms = redis.pcall('HGET', meta, 'due')
  if type(due_ms) == 'table' or (due_ms and not due_ms:find('^%d+$')) then
    return true
  end
  due_ms = tonumber(due_ms or 0)
  return due_ms > 0 and due_ms <= now_ms
end

local claimed, shortened, waiting = {}, {}, {}
for first = 1, #KEYS, 3 do
  local meta = KEYS[first + 1]
  local queued = redis.pcall('LLEN', KEYS[first + 2])
  if type(queued) == 'number' and queued > 0 then
    local version = redis.pcall('HGET', meta, 'version')
    waiting[#waiting + 1] = { (first - 1) / 3, queued, type(version) == 'string' and version or '' }
  end
  local left_ms = redis.call('PTTL', KEYS[first])
  if left_ms == -2 then -- no lock
    if wanted(meta, queued) then
      claimed[#claimed + 1] = (first - 1) / 3
    end
  elseif left_ms == -1 or left_ms > lock_ttl_ms then
    if type(redis.pcall('PEXPIRE', KEYS[first], lock_ttl_ms)) == 'number' then
      shortened[#shortened + 1] = { (first - 1) / 3, left_ms }
    end
  end
end
return { now_ms, claimed, shortened, waiting }
