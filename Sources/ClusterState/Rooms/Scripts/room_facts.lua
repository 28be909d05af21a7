-- Says what is kept of a room besides its messages; the room is there from now on, also if it was deleted before.
--
-- KEYS  1 the log's place, a hash, with the time at which the room was made
--       2 what an operator set of it, a hash
--       3 its read marks, a sorted set of users by seq
-- ARGV  1 now, Unix milliseconds
-- Returns when the room was made, the settings as fields and values, the marks as users and seqs.
redis.call('HSETNX', KEYS[1], 'created', ARGV[1])
redis.call('HDEL', KEYS[1], 'gone')
return {
  redis.call('HGET', KEYS[1], 'created'),
  redis.call('HGETALL', KEYS[2]),
  redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES'),
}
