-- settle: what was owed to readers is shown, and the letters that came leave the outbox.
--
-- Guarantee: only for the holder of the lease (FENCED). Letters leave by their stamps and never by their number, so it
-- may be delivered twice and late. What has no stamp goes with them: else it would stand before all that follow.
-- What is
-- due, and what is shown, is noted only if no commit came since (STALE): that one owes anew.
--
-- KEYS[1]  lock STRING   [2] meta HASH   [3] outbox LIST of dead letters, '<stamp>|<entry>'
-- ARGV[1]  token         [2] cid of the commit that is shown
-- ARGV[3]  meta.due, Unix ms, 0 = never  [4] stamp of the last letter that came, '' = none
-- ARGV[5]  meta.shown: which commit each part shows, '' = leave it
--
-- Returns {'OK' | 'STALE', letters that are left}  {'FENCED'}  {'TYPE', index into KEYS, found type}
-- Writes  meta, outbox; nothing if it returns FENCED or TYPE, with STALE the outbox alone.

local lock, meta, outbox = KEYS[1], KEYS[2], KEYS[3]
local token, cid, due_ms, stamp, shown = unpack(ARGV, 1, 5)
local FEW = 64
local STAMPED = ('^%s%%.%s%%.%s|'):format(('%d'):rep(16), ('%d'):rep(12), ('%d'):rep(6))
local expected = { 'string', 'hash', 'list' }
for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[index] then return { 'TYPE', index, found } end
end
if redis.call('GET', lock) ~= token then return { 'FENCED' } end

local gone, more = 0, stamp ~= ''
while more do
  local entries = redis.call('LRANGE', outbox, gone, gone + FEW - 1)
  more = #entries == FEW
  for _, entry in ipairs(entries) do
    if entry:find(STAMPED) and entry:sub(1, #stamp) > stamp then
      more = false
      break
    end
    gone = gone + 1
  end
end
local last = redis.call('HGET', meta, 'cid') == cid
redis.call('HDEL', meta, '') -- first, because it is allowed at maxmemory
if last then redis.call('HSET', meta, 'due', due_ms) end
if last and shown ~= '' then redis.call('HSET', meta, 'shown', shown) end
if gone > 0 then redis.call('LTRIM', outbox, gone, -1) end
return { last and 'OK' or 'STALE', redis.call('LLEN', outbox) }
