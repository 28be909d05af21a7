-- Says who of one node is in a room, or that somebody is no longer, and publishes it.
--
-- KEYS  1 who is in the room, a hash
-- ARGV  1 the channel
--       2 how long a hash that nobody changes is kept, milliseconds
--       3 the field: the node's run and the user
--       4 the user's devices there; '' when there are none any more
-- Returns 1, or 0 when nothing changed.
if ARGV[4] == '' then
  if redis.call('HDEL', KEYS[1], ARGV[3]) == 0 then return 0 end
else
  redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
redis.call('PUBLISH', ARGV[1], '@1\n' .. ARGV[3] .. '\n' .. ARGV[4])
return 1
