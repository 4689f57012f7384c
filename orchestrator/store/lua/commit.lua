-- commit: chunks leave the queue, and the state that contains them is written, in one step.
-- Guarantee: applied at most once however often it is delivered (DUP), only for the holder of the lease (FENCED), only
-- on top of the state it was folded from, of which nothing is missing (STALE), and only if the items it consumes are
-- those that were peeked (HEAD). All is validated and rehearsed before the first change. Who has no more work lets go:
-- the lease ends in the same step if the queue is empty then. Large segments were written just before, past the script,
-- under names of this cid: all of them are there (LOST), and those that it replaces go with it. With an archive what is
-- consumed moves into a key of this commit and the head of its record into records, inside Redis. Where as much waits
-- as may, the brand stops (ARCHIVE) or the commit goes on without. A record that does not stand on the last one counts
-- as a gap: somebody commits without.
-- KEYS     as in acquire.lua, without paused; with a record [18] records LIST [19] archiving HASH [20] consumed LIST of
--          this commit
-- ARGV[1]  token                         [2]  lock ttl, ms                     [3]  cid of this commit
-- ARGV[4]  cid it builds on, '' = none   [5]  epoch of the lease               [6]  version after this commit
-- ARGV[7]  items consumed, 0 = refresh   [8]  first peeked item                [9]  last consumed item, '' = only one
-- ARGV[10] meta.due, Unix ms, 0 = never  [11] what becomes of the digests       [12] Unix ms, digests0 begun then
-- ARGV[13] cap of failed                 [14] 'pause' or 'drop_oldest'         [15] summary, '' = leave
-- ARGV[16] ttl of summary, ms            [17] channel                          [18] message, '' = none
-- ARGV[19] replace spike, mood, stories: '1' or '0' each                       [21] ttl of trend, ms
-- ARGV[20] ttl of these lists and of outbox, ms
-- ARGV[22] ttl of recent, ms             [23] cap of recent and of outbox      [24] number of the state format written
-- ARGV[25] settings of the fold          [26] '1' = let go   [27..39] lengths, in elements, of the sections after them:
--          put (field, value, ...), remove, digests, failed, spikes, trend put, trend remove, recent, outbox,
--          segments (name, length, ...) that fields of put refer to, moods, stories, record
-- Digests  '' = stay, 'append' to digests0, 'rotate' = it becomes digests1 first, 'replace' = both; no seen0, seen1.
--          Section: entries, checksums of digests0, digests1 then, digests1 if replaced; conflicts, the newest, if any.
-- Record   Section: head, bytes that it and its items take, bytes that may wait, 'pause' or 'skip', Unix ms of it
-- Returns {'OK' | 'DUP', version, queued, letters dropped, 1 if PUBLISH was refused, alerts dropped, 1 if it let go,
--          bytes that wait for the archive, 1 if it has no record because too many do}
--         {'FENCED'}  {'STALE', cid found}  {'STALE', cid, index into KEYS, found size, size that the last commit left}
--         {'LOST', name, found length}  {'HEAD'}  {'FULL', length of failed}
--         {'ARCHIVE', bytes that wait}  {'TYPE', index into KEYS, found type}
-- Writes  every key; nothing unless it returns OK, but the end of the lease with DUP.
local lock, meta, state, digests0, digests1, queue = unpack(KEYS, 1, 6)
local failed, summary, spike, trend, recent, outbox, segments, mood, stories = unpack(KEYS, 7, 15)
local token, lock_ttl_ms, cid, expected_cid, epoch, version = unpack(ARGV, 1, 6)
local consumed, head, tail, due_ms = tonumber(ARGV[7]), unpack(ARGV, 8, 10)
local remember, seen_since_ms, failed_max, policy = ARGV[11], ARGV[12], tonumber(ARGV[13]), ARGV[14]
local new_summary, summary_ttl_ms, channel, message, replace, spike_ttl_ms = unpack(ARGV, 15, 20)
local trend_ttl_ms, recent_ttl_ms, recent_max, format, settings, let_go = unpack(ARGV, 21, 26)
local PUT, REMOVE, DIGESTS, FAILED, SPIKES, TREND_PUT, TREND_REMOVE, RECENT, OUTBOX = 1, 2, 3, 4, 5, 6, 7, 8, 9
local SEGMENTS, MOODS, STORIES, RECORD = 10, 11, 12, 13
local SLICE, count, start = 4000, {}, { 40 } -- unpack fails above about 8,000 values; even, so that pairs stay together
for section = PUT, RECORD do
  count[section], start[section + 1] = tonumber(ARGV[26 + section]), start[section] + ARGV[26 + section]
end
local function write(command, key, section)
  for from = start[section], start[section + 1] - 1, SLICE do
    redis.call(command, key, unpack(ARGV, from, math.min(from + SLICE, start[section + 1]) - 1))
  end
end
local entries, check0, check1, older, conflicts, conflict = unpack(ARGV, start[DIGESTS], start[DIGESTS + 1] - 1)
local record, bytes, most_bytes, at_bound, since_ms = unpack(ARGV, start[RECORD], start[RECORD + 1] - 1)
local records, archiving, kept = unpack(KEYS, 18, 20)
local S, H, L = 'string', 'hash', 'list' -- what is to go, seen0 and seen1, may be anything
local expected = { S, H, H, S, S, L, L, S, L, H, L, L, H, L, L, [18] = L, [19] = H }
local function foreign(from, to)
  for index = from, to do
    local found = redis.call('TYPE', KEYS[index]).ok
    if found ~= 'none' and found ~= expected[index] then return { 'TYPE', index, found } end
  end
end
local function size(index) return redis.call(({ [3] = 'HLEN', [4] = 'STRLEN', [5] = 'STRLEN' })[index], KEYS[index]) end
local function number(text) return tonumber(text or 0) or 0 end
local function leave() -- 1: the caller holds no lease any more; at DUP it may be somebody else's since
  if let_go ~= '1' or redis.call('LLEN', queue) > 0 then return 0 end
  if redis.call('GET', lock) == token then redis.call('PEXPIRE', lock, 0) end -- that it may is known, of DEL it is not
  return 1
end
local wrong = foreign(1, 2)
if wrong then return wrong end
local noted = { 'cid', 'epoch', 'fields', 'digests0', 'digests1', 'version', 'settings', 'segments' }
local left = redis.call('HMGET', meta, unpack(noted))
local old_cid, old_epoch, old_version = left[1], left[2], left[6] -- 3 to 5: sizes of these KEYS
if old_cid == cid then return { 'DUP', tonumber(version), redis.call('LLEN', queue), 0, 0, 0, leave(), 0, 0 } end
if redis.call('GET', lock) ~= token then return { 'FENCED' } end
if (old_cid or '') ~= expected_cid then return { 'STALE', old_cid or '' } end
if old_epoch ~= epoch then return { 'STALE', old_cid or '' } end
if (tonumber(old_version) or 0) + 1 ~= tonumber(version) then return { 'STALE', old_cid or '' } end
wrong = foreign(3, 15) or record and foreign(18, 19)
if wrong then return wrong end
for index = 3, 5 do
  local found, told = size(index), left[index]
  if told and told ~= tostring(found) then return { 'STALE', old_cid or '', index, found, told } end
end
for at = start[SEGMENTS], start[SEGMENTS + 1] - 1, 2 do
  local found = redis.call('HSTRLEN', segments, ARGV[at])
  if found ~= tonumber(ARGV[at + 1]) then return { 'LOST', ARGV[at], found } end
end
local referred = tonumber(left[8] or 0) + count[SEGMENTS] / 2 -- others may lie there: acquire sweeps them
local apart = redis.call('HLEN', segments)
if apart < referred then return { 'STALE', old_cid or '', 13, apart, tostring(referred) } end
if consumed > 0 and redis.call('LPOS', queue, head, 'MAXLEN', 1) ~= 0 then return { 'HEAD' } end -- LINDEX: 2 ns a byte
local ends = consumed > 1 and redis.call('LPOS', queue, tail, 'COUNT', 0, 'MAXLEN', consumed)
if ends and ends[#ends] ~= consumed - 1 then return { 'HEAD' } end
local dropped = count[FAILED] > 0 and math.max(0, redis.call('LLEN', failed) + count[FAILED] - failed_max) or 0
if dropped > 0 and policy == 'pause' then return { 'FULL', redis.call('LLEN', failed) } end
local told = record and redis.call('HMGET', archiving, 'bytes', 'last', 'since', 'gaps', 'skipped') or {}
local waiting, follows = number(told[1]), (told[2] or expected_cid) == expected_cid
local skips = record and waiting >= tonumber(most_bytes)
if skips and at_bound == 'pause' then return { 'ARCHIVE', waiting } end
local keeps = record and not skips
local suspects = math.max(0, number(redis.call('HGET', meta, 'suspects')) - consumed)
local untold = math.max(0, redis.call('LLEN', outbox) + count[OUTBOX] - recent_max)
-- The rehearsal: what an ACL or rename-command took away refuses here. PEXPIRE leads, which maxmemory lets through.
redis.call('PEXPIRE', lock, lock_ttl_ms)
redis.call('SET', lock, token, 'PX', lock_ttl_ms)
redis.call('HSET', meta, 'epoch', epoch)
redis.call('HDEL', meta, '')
redis.call('HSTRLEN', meta, '')
redis.call('LTRIM', queue, 0, -1)
redis.call('APPEND', digests0, '') -- from the first commit on there is one to rename
redis.call('RPUSH', recent, '')
redis.call('LTRIM', recent, 0, -2)
if keeps then redis.call('SORT', kept, 'BY', 'nosort', 'STORE', kept) end -- of nothing
if keeps and consumed > 0 then redis.call('RENAME', queue, queue) end
-- The changes. RENAME or APPEND leads: strings may be bounded. The queue comes last: a log may be cut (section 6).
if remember == 'rotate' then redis.call('RENAME', digests0, digests1) end
if remember == 'replace' then redis.call('SET', digests0, '') end
if remember ~= '' then redis.call('APPEND', digests0, entries) end
if remember == 'replace' then redis.call('SET', digests1, older) end
if remember == 'replace' then redis.pcall('UNLINK', KEYS[16], KEYS[17]) end -- optional: what stays is replaced again
if remember == 'replace' then redis.call('HDEL', meta, 'seen0', 'seen1') end
if remember ~= '' then redis.call('HSET', meta, 'seen_since', seen_since_ms, 'check0', check0, 'check1', check1) end
write('RPUSH', recent, RECENT)
redis.call('LTRIM', recent, -recent_max, -1)
redis.call('PEXPIRE', recent, recent_ttl_ms)
write('RPUSH', outbox, OUTBOX)
if untold > 0 then redis.call('LTRIM', outbox, -recent_max, -1) end
if count[OUTBOX] > 0 then redis.call('PEXPIRE', outbox, spike_ttl_ms) end
if conflicts then redis.call('HSET', meta, 'conflicts', conflicts, 'conflict', conflict) end
if new_summary ~= '' then redis.call('SET', summary, new_summary, 'PX', summary_ttl_ms) end
for at, list in ipairs({ { spike, SPIKES }, { mood, MOODS }, { stories, STORIES } }) do
  if replace:sub(at, at) == '1' then
    redis.call('LTRIM', list[1], 1, 0)
    write('RPUSH', unpack(list))
    redis.call('PEXPIRE', list[1], spike_ttl_ms)
  end
end
write('HDEL', trend, TREND_REMOVE)
write('HSET', trend, TREND_PUT)
if count[TREND_PUT] > 0 then redis.call('PEXPIRE', trend, trend_ttl_ms) end
write('HSET', state, PUT)
for at = start[REMOVE], start[REMOVE + 1] - 1 do
  local short = redis.call('HSTRLEN', state, ARGV[at]) < 200 -- what is longer is no reference
  local name, field = (short and redis.call('HGET', state, ARGV[at]) or ''):match('^\193([%w-]+:(%S+)) ')
  if field == ARGV[at] then referred = referred - redis.call('HDEL', segments, name) end
end
write('HDEL', state, REMOVE) -- after HSET: a field that is dropped may also be among those that are put
redis.call('HSET', meta, 'cid', cid, 'version', version, 'attempts', 0, 'suspects', suspects, 'due', due_ms)
redis.call('HSET', meta, 'format', format, 'fields', size(3), 'digests0', size(4), 'digests1', size(5))
redis.call('HSET', meta, 'segments', referred)
if left[7] ~= settings then redis.call('HDEL', meta, 'adopted') redis.call('HSET', meta, 'settings', settings) end
write('RPUSH', failed, FAILED)
if dropped > 0 then redis.call('LTRIM', failed, -failed_max, -1) end
if keeps then -- payloads first, or a head might tell of some that are not there
  -- Read by this script, a payload would cost 2 ns a byte. RENAME takes an expiry along, which a worker may have set.
  local all = redis.call('LLEN', queue) == consumed and redis.call('PTTL', queue) < 0
  if consumed > 0 and all then redis.call('RENAME', queue, kept) end
  if not all and consumed > 0 then redis.call('SORT', queue, 'BY', 'nosort', 'LIMIT', 0, consumed, 'STORE', kept) end
  redis.call('RPUSH', records, record)
  redis.call('HSET', archiving, 'bytes', waiting + bytes, 'last', cid, 'since', told[3] or since_ms)
  if not follows then redis.call('HSET', archiving, 'gaps', number(told[4]) + 1, 'gap', cid) end
end
if skips then redis.call('HSET', archiving, 'skipped', number(told[5]) + 1) end
if consumed > 0 then redis.call('LTRIM', queue, consumed, -1) end
local refused = message ~= '' and type(redis.pcall('PUBLISH', channel, message)) == 'table' and 1 or 0
local queued, waits = redis.call('LLEN', queue), keeps and waiting + bytes or waiting
return { 'OK', tonumber(version), queued, dropped, refused, untold, leave(), waits, skips and 1 or 0 }
