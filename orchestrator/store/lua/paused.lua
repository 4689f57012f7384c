-- paused: which of these brands are paused?
--
-- Guarantee: answers with no more than was asked for, however much somebody put into the key.
--
-- KEYS[1]  paused  HASH, brand -> mark
-- ARGV     brands
--
-- Returns {'OK', now_ms, index into ARGV, mark, at most 4096 bytes, ...}  {'TYPE', index into KEYS, found type}
-- Writes  nothing.

local paused = KEYS[1]
local MARK_BYTES = 4096

local found = redis.call('TYPE', paused).ok
if found ~= 'none' and found ~= 'hash' then
  return { 'TYPE', 1, found }
end
local time = redis.call('TIME')
local answer = { 'OK', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) }
for index, brand in ipairs(ARGV) do
  local mark = redis.call('HGET', paused, brand)
  if mark then
    answer[#answer + 1] = index
    answer[#answer + 1] = mark:sub(1, MARK_BYTES)
  end
end
return answer
