-- mend: dead letters leave their list, and what they hold goes back into a queue, in one step.
--
-- Guarantee: an entry leaves failed if and only if its payload is in the queue (or it is dropped), at whatever instant
-- the caller or the server is killed, and however many callers ask at once: who finds another entry at the place that
-- it names is told so, and nothing happens to that one. Everything is looked at before the first change, and the
-- rehearsal is as in commit.lua. Needs no lease: it touches nothing that belongs to one.
-- Entries are taken out of the list by one LREM, whose cost is what lies between them and the nearer end: up to a
-- microsecond an entry, during which nobody else is served. One for each letter would cost that for each.
--
-- KEYS[1]  failed LIST   [2] LIST that payloads go to   [3] retried HASH, digest of a payload -> 'times ms who'
-- KEYS[4]  a LIST that is not there
-- ARGV[1]  'retry' or 'drop'          [2] who, as text             [3] ttl of retried, ms
-- ARGV[4]  marks in retried, max      [5] an entry that no list holds
-- ARGV[6..] five for each letter, by ascending place: place in failed (0 = the oldest), the entry, its payload as it
--          is to be pushed, digest of its payload as it was, digest of its payload as it is pushed
--
-- Returns {'OK', 1 | 0 for each letter: done, or another entry stands there}  {'TYPE', index into KEYS, found type}
-- Writes  failed, the queue, retried.

local failed, queue, retried, absent = unpack(KEYS, 1, 4)
local action, who, ttl_ms, most, none = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local WIDTH, FIRST = 5, 6
local expected = { 'list', 'list', 'hash', 'list' }
for index = 1, #KEYS do
  local found = redis.call('TYPE', KEYS[index]).ok
  if found ~= 'none' and found ~= expected[index] then return { 'TYPE', index, found } end
end
local answer, there, last = { 'OK' }, {}, -1
for at = FIRST, #ARGV, WIDTH do
  local place = tonumber(ARGV[at])
  local is_there = place > last and redis.call('LINDEX', failed, place) == ARGV[at + 1]
  answer[#answer + 1] = is_there and 1 or 0
  if is_there then
    there[#there + 1] = at
    last = place
  end
end
if #there == 0 then return answer end
local first = tonumber(ARGV[there[1]])
local from_the_end = redis.call('LLEN', failed) - first < last
local time = redis.call('TIME')
local now_ms = ('%.0f'):format(tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
-- The rehearsal: what comes after the first RPUSH must not be refused any more. PEXPIRE leads, as in commit.lua.
redis.call('PEXPIRE', retried, ttl_ms)
redis.call('LSET', failed, first, ARGV[there[1] + 1]) -- what it is already
redis.call('LREM', absent, 1, none) -- in failed it would look at every entry
if action == 'retry' then
  redis.call('HDEL', retried, '') -- twice: HSET leaves something if HDEL is refused after it
  redis.call('HSET', retried, '', '')
  redis.call('HDEL', retried, '')
  -- Marks are for people: too many begin anew, so that they are bounded.
  if redis.call('HLEN', retried) + #there > most then redis.call('DEL', retried) end
end
-- The changes. The queue comes first: a log that was cut inside them may be replayed in part (document, section 6), and
-- a chunk that is in both places counts once.
for _, at in ipairs(there) do
  local place, _, payload, before, after = unpack(ARGV, at, at + WIDTH - 1)
  if action == 'retry' then
    local times = tonumber((redis.call('HGET', retried, before) or '0'):match('^%d+')) or 0
    redis.call('RPUSH', queue, payload)
    redis.call('HSET', retried, after, ('%d %s %s'):format(times + 1, now_ms, who))
  end
  redis.call('LSET', failed, place, none)
end
redis.call('LREM', failed, from_the_end and -#there or #there, none)
redis.call('PEXPIRE', retried, ttl_ms)
return answer
