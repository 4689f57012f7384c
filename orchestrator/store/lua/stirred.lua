-- stirred: which of these queues exist?
--
-- Guarantee: a hint, nothing more; it changes nothing. For brands of which nothing is expected, on one node of a
-- cluster: names come as arguments, because declared keys have to share a slot. One of another node is an error, and
-- the question is put again when it is known who has what.
--
-- KEYS     none
-- ARGV     names of queues
--
-- Returns {index, ...}: those that exist (0 = first name), whatever their type
-- Writes  nothing.

local found = {}
for place, queue in ipairs(ARGV) do
  if redis.call('EXISTS', queue) == 1 then
    found[#found + 1] = place - 1
  end
end
return found
