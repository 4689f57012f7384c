-- acquire: take the lease of one brand.
--
-- Guarantee: at most one token holds a brand at any time; every lease has a greater epoch than any lease before it,
-- even than one that a failover or a cut log forgot, because an epoch is never less than the server's clock in
-- milliseconds. Acquiring again with one's own token (the first reply was lost) is allowed, and gives a new epoch too.
-- A brand is not acquired if a key has a foreign type, if a field of meta cannot be what a commit wrote, if state or
-- digests do not have the sizes that the last commit left, or if the caller cannot read the state's format. One of an
-- older format keeps it until the first commit writes another.
-- Nor is it if its last commit was made with other settings than the caller agrees to, or while it is paused:
-- pause takes the lock away in the step that sets its mark, so that from then on nobody can begin or commit.
-- A caller that has the brand's state begins in the same step: it counts an attempt as begin.lua does, and sends LRANGE
-- right after this. One that has to load it first begins later: what kills a load says nothing against the first item.
-- A caller may take the brand from whoever holds it, as if it had freed that lock just before, with nobody in between:
-- the holder's next call is FENCED and changes nothing, and what it had in hand is in the queue.
-- Segments that no field of the state refers to are swept: they are of commits that never came to be, and with the new
-- epoch none of these can any more.
--
-- KEYS[1]  lock     STRING                [2]  meta     HASH                [3]  state    HASH
-- KEYS[4]  digests0 STRING                [5]  digests1 STRING              [6]  queue    LIST
-- KEYS[7]  failed   LIST                  [8]  summary  STRING              [9]  spike    LIST
-- KEYS[10] trend    HASH                  [11] recent   LIST                [12] outbox   LIST
-- KEYS[13] segments HASH, <cid>:<field of state> -> value
-- KEYS[14] mood     LIST                  [15] stories  LIST                [16] seen0    SET
-- KEYS[17] seen1    SET                   [18] paused   HASH, brand -> mark
-- ARGV[1]  token
-- ARGV[2]  lock ttl, milliseconds
-- ARGV[3]  number of the oldest state format that the caller reads
-- ARGV[4]  number of the newest one, which it writes
-- ARGV[5]  settings of the last commit that the caller agrees to go on from
-- ARGV[6]  greatest epoch that the caller knows readers to have seen, 0 = none
-- ARGV[7]  brand, '' = acquire it even if it is paused
-- ARGV[8]  longest ttl that somebody else's token may tell, milliseconds
-- ARGV[9]  cid that the state in the caller's memory ends with, '' = it is empty, '*' = do not begin
-- ARGV[10] '1' = take it also from another token
--
-- Returns {'OK', epoch, version, cid, attempts, due_ms, now_ms, queued, settings or '', 1 if begun, suspects}
--         {'BUSY', milliseconds that the lock would have lived if they were too many, else 0; those it lives now}
--         {'PAUSED', mark, at most 4096 bytes}  {'TYPE', index into KEYS, found type}
--         {'META', field of meta, its value, at most 40 bytes}
--         {'NEWER', found format}  {'FORMAT', found format}, which is older
--         {'SIZE', index into KEYS, found size, size after the last commit}
--         {'SETTINGS', settings of the last commit, those that somebody adopted, '' = none}
-- Writes  lock (SET with PX), meta.epoch, meta.attempts, meta.segments (how many are referred to), segments (strays),
--         paused (a mark that is over); nothing unless it is OK, but the expiry of somebody else's lock that would
--         outlive a ttl: a server whose clock is behind has such ones.

local lock, meta, state, queue, segments, paused = KEYS[1], KEYS[2], KEYS[3], KEYS[6], KEYS[13], KEYS[18]
local token, lock_ttl_ms, agreed, least_epoch = ARGV[1], tonumber(ARGV[2]), ARGV[5], tonumber(ARGV[6])
local oldest_format, newest_format, most_told_ms = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[8])
local brand, having, take = ARGV[7], ARGV[9], ARGV[10] == '1'
local MOST_STRAYS = 10000 -- each is of a commit that was lost or refused since the last acquire
local S, H, L = 'string', 'hash', 'list'
local expected = { S, H, H, S, S, L, L, S, L, H, L, L, H, L, L, 'set', 'set' }
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Of another type it holds no marks; that is not the brand's fault.
local mark = brand ~= '' and redis.call('TYPE', paused).ok == 'hash' and redis.call('HGET', paused, brand)
local until_ms = mark and tonumber(mark:match('^{"untilMs":(%d+),') or '')
if mark and not (until_ms and until_ms <= now_ms) then return { 'PAUSED', mark:sub(1, 4096) } end
for index, kind in ipairs(expected) do
  local found = redis.call('TYPE', KEYS[index]).ok
  if found ~= 'none' and found ~= kind then return { 'TYPE', index, found } end
end

local numbers = { 'epoch', 'version', 'attempts', 'suspects', 'due', 'format', 'seen_since', 'check0', 'check1',
  'conflicts', 'segments', 'fields', 'digests0', 'digests1', 'seen0', 'seen1' }
local SIZES = { [3] = 'fields', [4] = 'digests0', [5] = 'digests1', [16] = 'seen0', [17] = 'seen1' } -- by KEYS
local COUNT = { hash = 'HLEN', string = 'STRLEN', set = 'SCARD' }
local values = redis.call('HMGET', meta, 'cid', 'settings', 'adopted', unpack(numbers))
local known = { cid = values[1] }
for index, name in ipairs(numbers) do
  known[name] = values[index + 3]
end
local cid, settings, adopted, found_format = values[1], values[2], values[3], known.format

-- tonumber reads 'inf', 'nan' and '1e300', too. A number of ours has digits, few enough to be exact.
local function damaged(name)
  local value = known[name]
  return value and (#value > 15 or not value:find('^%d+$')) and { 'META', name, value:sub(1, 40) }
end

local wrong = damaged('format')
if wrong then return wrong end
local format = tonumber(found_format or newest_format)
-- Before BUSY: who cannot work on the brand would else come back as soon as the lock is gone.
if format > newest_format then return { 'NEWER', found_format } end
if settings and settings ~= agreed then return { 'SETTINGS', settings, adopted or '' } end
local holder = redis.call('GET', lock)
if holder and holder ~= token and not take then
  local told_ms = math.min(tonumber(holder:match(':(%d+)$') or 0), most_told_ms) -- the ttl that its token ends with
  local left_ms, most_ms = redis.call('PTTL', lock), math.max(lock_ttl_ms, told_ms)
  if left_ms >= 0 and left_ms <= most_ms then return { 'BUSY', 0, left_ms } end
  redis.call('PEXPIRE', lock, most_ms)
  return { 'BUSY', left_ms, most_ms }
end
if cid and (#cid > 64 or cid:find('[^%w-]')) then return { 'META', 'cid', cid:sub(1, 40) } end
for _, name in ipairs(numbers) do
  wrong = wrong or damaged(name)
end
if wrong then return wrong end
if format < oldest_format then return { 'FORMAT', found_format } end
for index = 3, 17 do
  local noted = known[SIZES[index] or '']
  local found = noted and redis.call(COUNT[expected[index]], KEYS[index])
  if noted and noted ~= tostring(found) then return { 'SIZE', index, found, noted } end
end
local noted, referred, strays = tonumber(known.segments), redis.call('HLEN', segments), {}
if noted and referred > noted + MOST_STRAYS then return { 'SIZE', 13, referred, known.segments } end
if referred ~= noted and referred > 0 then
  for _, name in ipairs(redis.call('HKEYS', segments)) do
    local value = redis.call('HGET', state, name:match('^[%w-]+:(.*)$') or name)
    local refers = value and value:byte() == 193 and value:find(name, 2, true) == 2
    if not refers then strays[#strays + 1] = name end
  end
  referred = referred - #strays
end
if noted and referred ~= noted then return { 'SIZE', 13, referred, known.segments } end

local epoch = math.max(tonumber(known.epoch or 0) + 1, least_epoch + 1, now_ms)
local queued, attempts = redis.call('LLEN', queue), tonumber(known.attempts or 0)
local begun = having == (cid or '') and (cid or redis.call('EXISTS', state, KEYS[4], KEYS[5], KEYS[16], KEYS[17]) == 0)
local changes = { 'epoch', string.format('%.0f', epoch), 'segments', referred }
if begun and queued > 0 then changes[5], changes[6] = 'attempts', attempts + 1 end

-- PEXPIRE comes first because it is allowed at maxmemory; a script whose first write was
-- allowed may go on writing, and an orchestrator that cannot acquire cannot drain the queue.
redis.call('PEXPIRE', lock, lock_ttl_ms)
if #strays > 0 then redis.call('HDEL', meta, '') end -- a rehearsal as well
redis.call('SET', lock, token, 'PX', lock_ttl_ms, 'XX') -- a rehearsal: without a lock it sets none
redis.call('HSET', meta, unpack(changes))
redis.call('SET', lock, token, 'PX', lock_ttl_ms)
for _, name in ipairs(strays) do
  redis.call('HDEL', segments, name)
end
if mark then redis.call('HDEL', paused, brand) end

return {
  'OK', epoch, tonumber(known.version or 0), cid or '', attempts, tonumber(known.due or 0), now_ms, queued,
  settings or '', begun and 1 or 0, tonumber(known.suspects or 0),
}
