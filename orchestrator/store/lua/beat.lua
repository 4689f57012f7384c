-- beat: one process says that it lives, and hears which others do and what it is ordered.
--
-- Guarantee: the times are the server's, so that all processes agree on who is older and who is
-- gone. Who has not said so for a while is removed here; without any process the key expires.
-- It decides nothing: who is in the list holds no lease for it, and a lost beat is made up for by
-- the next one. Whatever else was put into the key goes, because nobody but a beat writes it.
-- An order stays until a beat of its process says that it was heard, so a lost answer loses none; it
-- goes with its process, so none outlives it.
--
-- KEYS[1]  members  HASH, an entry a process: 'since seen document', both times Unix ms
-- KEYS[2]  orders   HASH, two places a process: 'name:state' and 'name:lanes'; of a foreign type it holds none
-- ARGV[1]  name of the process, of its own
-- ARGV[2]  since when it lives, Unix ms, 0 = since now
-- ARGV[3]  what it says of itself
-- ARGV[4]  milliseconds after which who says nothing is gone
-- ARGV[5]  most processes
-- ARGV[6]  most bytes of an entry
-- ARGV[7]  order at the first place that the process has heard, '' = none
-- ARGV[8]  likewise at the second place
-- ARGV[9]  first of its places in orders [10] second of them
--
-- Returns {'OK', now_ms, since_ms, order, order, name, entry, ...}  orders that it has not heard, '' = none;
--                                                                    the processes that live, this one included
--         {'TYPE', index into KEYS, found type}
-- Writes  members, orders; nothing unless it returns OK.

local members, orders = KEYS[1], KEYS[2]
local name, since_ms, document, ttl_ms, most, most_bytes = unpack(ARGV, 1, 6)
ttl_ms, most, most_bytes = tonumber(ttl_ms), tonumber(most), tonumber(most_bytes)

local found = redis.call('TYPE', members).ok
if found ~= 'none' and found ~= 'hash' then
  return { 'TYPE', 1, found }
end
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
since_ms = since_ms == '0' and now_ms or tonumber(since_ms)

-- PEXPIRE comes first because it is allowed at maxmemory, and opens the door for the rest.
redis.call('PEXPIRE', members, ttl_ms)
-- More than there can be of us: somebody filled it. Those who live are in it again with their next beat.
if redis.call('HLEN', members) > most then redis.call('DEL', members) end
redis.call('HSET', members, name, string.format('%.0f %.0f %s', since_ms, now_ms, document))
redis.call('PEXPIRE', members, ttl_ms)

local ordered = redis.call('TYPE', orders).ok == 'hash'
local asked = { '', '' }
for at, place in ipairs(ordered and { ARGV[9], ARGV[10] } or {}) do
  local order = redis.call('HGET', orders, place) or ''
  if order == ARGV[6 + at] or #order > most_bytes then
    redis.call('HDEL', orders, place)
  else
    asked[at] = order
  end
end

local answer, living = { 'OK', now_ms, since_ms, asked[1], asked[2] }, {}
local entries = redis.call('HGETALL', members)
for at = 1, #entries, 2 do
  local entry = entries[at + 1]
  local seen_ms = tonumber(string.match(entry, '^%d+ (%d+) ') or '')
  -- A time ahead of the clock is no sign of life, either: it was set back meanwhile.
  if #entry > most_bytes or not seen_ms or math.abs(now_ms - seen_ms) > ttl_ms then
    redis.call('HDEL', members, entries[at])
  else
    living[entries[at]] = true
    answer[#answer + 1] = entries[at]
    answer[#answer + 1] = entry
  end
end
if ordered then
  -- More than there are processes to hear them: somebody filled it.
  if redis.call('HLEN', orders) > 2 * most then redis.call('DEL', orders) end
  local places = redis.call('HGETALL', orders)
  for at = 1, #places, 2 do
    local whose = string.match(places[at], '^(.*):')
    if not living[whose or ''] then redis.call('HDEL', orders, places[at]) end
  end
  redis.call('PEXPIRE', orders, ttl_ms)
end
return answer
