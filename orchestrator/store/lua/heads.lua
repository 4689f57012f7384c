-- heads: since when does the first chunk of each of these queues exist, as its worker says?
--
-- Guarantee: a hint for people. Items are not decoded: the first text or number after "processedAt" near the beginning,
-- or near the end, is answered as it stands there, if it is short enough to be a time. To look costs what it takes to
-- copy the item, so that a call should ask for few queues.
--
-- KEYS     queues  LIST
-- ARGV[1]  bytes to look at, at the beginning and at the end
--
-- Returns {time as text, '' = none, ...}, one for each queue
-- Writes  nothing.

local most = tonumber(ARGV[1])
local PATTERNS = { '"processedAt"%s*:%s*"([^"\\]*)"', '"processedAt"%s*:%s*(%d[%d%.]*)' }
local MOST_CHARS = 40

local function found(text)
  for _, pattern in ipairs(PATTERNS) do
    local time = text:match(pattern)
    if time and #time <= MOST_CHARS then return time end
  end
end

local answer = {}
for _, queue in ipairs(KEYS) do
  local item = redis.call('TYPE', queue).ok == 'list' and redis.call('LINDEX', queue, 0)
  answer[#answer + 1] = item and (found(item:sub(1, most)) or found(item:sub(-most))) or ''
end
return answer
