-- claim: which of these brands want an orchestrator?
--
-- Guarantee: a hint, nothing more. It takes no lease and writes nothing; two orchestrators
-- may get the same answer, and acquire decides between them. A brand whose queue or meta has a
-- foreign type, or whose due is no number, is reported too: acquire then says what is wrong with it.
--
-- KEYS     three a brand: lock STRING, meta HASH, queue LIST; at most 512 brands
-- ARGV     none
--
-- Returns the indexes (0 = first brand) of those without a lock that have chunks queued
--         or whose refresh is due (meta.due, Unix milliseconds, 0 = never).
-- Writes  nothing.

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function wanted(meta, queue)
  local queued = redis.pcall('LLEN', queue)
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

local claimed = {}
for first = 1, #KEYS, 3 do
  if redis.call('EXISTS', KEYS[first]) == 0 and wanted(KEYS[first + 1], KEYS[first + 2]) then
    claimed[#claimed + 1] = (first - 1) / 3
  end
end
return claimed
