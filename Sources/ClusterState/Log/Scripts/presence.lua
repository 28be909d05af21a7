-- Says who of one node is in a room, or that somebody is no longer, and publishes it. If asked for it, says what that
-- means for the cluster, in the same step: so of all nodes one alone learns that it brought the first, or took the last.
--
-- KEYS  1 who is in the room, a hash
--       2 the nodes, as `beat.lua` writes them; this and the next one only if the meaning is asked
--       3 set: somebody took this node's users away, as it counted as dead
-- ARGV  1 the channel
--       2 how long a hash that nobody changes is kept, milliseconds
--       3 the field: the node's run and the user
--       4 the user's devices there; '' when there are none any more
--       5 'room' or 'user' when the meaning is asked, else absent
--       6 … runs of nodes that may have the user, though they do not beat
-- Returns 1, or 0 when nothing changed. Asked for the meaning, the sum of: 1 the field is new, or was there; 2 no other
-- node has the user; 4 nobody else is in; 8 this node's users were taken away.
local changed
if ARGV[4] == '' then
  changed = redis.call('HDEL', KEYS[1], ARGV[3])
  if changed == 0 and not ARGV[5] then return 0 end
else
  changed = redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
if changed == 1 or ARGV[4] ~= '' then redis.call('PUBLISH', ARGV[1], '@1\n' .. ARGV[3] .. '\n' .. ARGV[4]) end
if not ARGV[5] then return 1 end
local verdict = changed + 8 * redis.call('EXISTS', KEYS[3])
local others = redis.call('HLEN', KEYS[1])
if ARGV[4] ~= '' then others = others - 1 end
if others == 0 then return verdict + 6 end
if ARGV[5] == 'user' then return verdict end
local boot, user = string.match(ARGV[3], '^([^\n]*)(.*)$')
local fields = {}
for _, other in ipairs(redis.call('HKEYS', KEYS[2])) do
  if other ~= boot then fields[#fields + 1] = other .. user end
end
for index = 6, #ARGV do
  if ARGV[index] ~= boot then fields[#fields + 1] = ARGV[index] .. user end
end
if #fields > 0 then
  for _, record in ipairs(redis.call('HMGET', KEYS[1], unpack(fields))) do
    if record then return verdict end
  end
end
return verdict + 2
