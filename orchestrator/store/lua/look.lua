-- look: how do these brands stand?
--
-- Guarantee: changes nothing, and never fails for what a key holds: a key of a foreign type is told as such, and what
-- is too long to be ours is cut. The answer may be old when it arrives; acquire is the one who decides.
--
-- KEYS     six a brand: lock STRING, meta HASH, queue LIST, failed LIST, summary STRING, spike LIST
-- ARGV[1]  most bytes of a lock's token that are told
-- ARGV[2]  most bytes of a field of meta, and of an entry of spike, that are told; a longer one is ''
--
-- Returns {now_ms, brand, ...}: the server's time, and for each brand
--         {queued, failed, version, epoch, token, left_ms, summary, spike, conflicts, conflict, settings}: lengths,
--         -1 = foreign type; fields of meta, '' = none, 0 = foreign type; the lock's token, '' = none; milliseconds
--         that it lives, -1 = for ever, -2 = no lock; 1 if there is a summary; newest entry of spike, '' = none;
--         settings where the brand has some of its own, '' = none.
-- Writes  nothing.

local token_bytes, most = tonumber(ARGV[1]), tonumber(ARGV[2])

local function length(key)
  local found = redis.pcall('LLEN', key)
  return type(found) == 'number' and found or -1
end

local function text(found)
  return type(found) == 'string' and #found <= most and found or ''
end

local time = redis.call('TIME')
local answer = { tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) }
for first = 1, #KEYS, 6 do
  local lock, meta, queue, failed, summary, spike = unpack(KEYS, first, first + 5)
  local left_ms = redis.call('PTTL', lock)
  local token = left_ms == -2 and '' or redis.pcall('GETRANGE', lock, 0, token_bytes - 1)
  local fields = redis.pcall('HMGET', meta, 'version', 'epoch', 'conflicts', 'conflict', 'settings')
  local known = #fields == 5
  local settings = known and text(fields[5]) or ''
  answer[#answer + 1] = {
    length(queue), length(failed), known and text(fields[1]) or 0, known and text(fields[2]) or 0,
    type(token) == 'string' and token or '', left_ms, redis.call('EXISTS', summary),
    text(redis.pcall('LINDEX', spike, -1)), known and text(fields[3]) or '', known and text(fields[4]) or '',
    settings:byte() == 91 and settings or '',
  }
end
return answer
