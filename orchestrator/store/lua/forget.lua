-- forget: remove numbers of one brand's meta that are damaged, or sizes that a human accepts.
--
-- Guarantee: the fields go and the last commit gets another name in the same step, so nobody goes on
-- from a state in memory: without the sizes alone, that would fit what is stored, whatever is left
-- of it. The brand is due, so the next lease makes a commit that writes the fields. It needs no
-- lease: under somebody's the next commit is stale. It may be repeated.
--
-- KEYS[1]  meta  HASH
-- ARGV[1]  name of the last commit from now on
-- ARGV[2]  and further: fields of meta that are removed, but cid and due, which get new values
--
-- Returns {'OK'} or {'TYPE', index into KEYS, found type}
-- Writes  meta.cid, meta.due, and the fields; nothing unless it returns OK.

local meta = KEYS[1]
local cid = ARGV[1]

local found = redis.call('TYPE', meta).ok
if found ~= 'none' and found ~= 'hash' then
  return { 'TYPE', 1, found }
end
-- HDEL comes first because it is allowed at maxmemory, and opens the door for HSET. HDEL of no field is a
-- rehearsal: a server that refuses the command does so here, and nothing has changed. HSET comes before the fields go.
redis.call('HDEL', meta, '')
redis.call('HSET', meta, 'cid', cid, 'due', 1)
for index = 2, #ARGV do
  if ARGV[index] ~= 'cid' and ARGV[index] ~= 'due' then redis.call('HDEL', meta, ARGV[index]) end
end
return { 'OK' }
