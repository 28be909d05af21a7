-- Sets what an operator wants of a room, and has all nodes read it.
--
-- KEYS  1 the log's place, a hash
--       2 what an operator set of the room, a hash
-- ARGV  1 the room's channel
--       2 the run of the caller's node
--       3 now, Unix milliseconds
--       4 1 if the room must not be there yet
--       5 … fields and values; at least one
-- Returns 1, or 0 when the room is there and must not be.
if ARGV[4] == '1' then
  local isThere = redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HEXISTS', KEYS[1], 'gone') == 0
  if isThere or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
  redis.call('HSET', KEYS[1], 'created', ARGV[3])
  redis.call('HDEL', KEYS[1], 'gone')
end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], unpack(ARGV, 5))
redis.call('PUBLISH', ARGV[1], '~1\nsettings\n' .. ARGV[2])
return 1
