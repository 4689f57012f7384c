-- walk: entries of a list of dead letters from a place on, as many as fit into so many bytes.
--
-- Guarantee: reads only. LRANGE alone cannot bound an answer in bytes, and one entry may have hundreds of megabytes: so
-- few are taken at a time, and as soon as they are large, one. The first entry is always among the answer.
--
-- KEYS[1]  failed LIST
-- ARGV[1]  place of the first entry, 0 = the oldest   [2] most entries   [3] bytes that they are meant to have
--
-- Returns {'OK', entry, ...}  {'TYPE', 1, found type}
-- Writes  nothing.

local failed = KEYS[1]
local place, most, most_bytes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local FEW = 8
local found = redis.call('TYPE', failed).ok
if found ~= 'none' and found ~= 'list' then return { 'TYPE', 1, found } end
local answer, bytes, few, entries = { 'OK' }, 0, 1, {}
repeat
  entries = redis.call('LRANGE', failed, place, place + math.min(few, most + 1 - #answer) - 1)
  local before = bytes
  for _, entry in ipairs(entries) do
    answer[#answer + 1] = entry
    bytes = bytes + #entry
  end
  place = place + #entries
  few = (bytes - before) * FEW <= most_bytes and FEW or 1
until #entries == 0 or #answer > most or bytes >= most_bytes
return answer
