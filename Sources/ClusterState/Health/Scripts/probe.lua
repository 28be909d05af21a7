-- Tries what a commit needs of Redis, on keys of the caller's own: writes, reads what it wrote, and publishes. Of what
-- only some commits and the reading of a log need it asks for the rights: without one of them the store can't serve.
--
-- KEYS  1 a hash
--       2 a stream
--       3 a string
-- ARGV  1 the channel
--       2 a number above all that were written there
--       3 how long the keys are kept, milliseconds
-- Returns the number, as it is read.
for _, command in ipairs({
  { 'HMGET', KEYS[1], 'number' }, { 'HDEL', KEYS[1], 'number' }, { 'DEL', KEYS[2] },
  { 'XRANGE', KEYS[2], '-', '+' }, { 'XREVRANGE', KEYS[2], '+', '-' },
}) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this user has no right to run ' .. command[1])
  end
end
redis.call('HSET', KEYS[1], 'number', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('XADD', KEYS[2], ARGV[2] .. '-0', 'm', '')
redis.call('XTRIM', KEYS[2], 'MAXLEN', 1)
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return redis.call('HGET', KEYS[1], 'number')
