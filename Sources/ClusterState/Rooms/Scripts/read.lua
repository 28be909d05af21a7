-- Raises a user's read mark in a room and publishes it.
--
-- KEYS  1 the log's place, a hash   2 the read marks, a sorted set of users by seq
-- ARGV  1 the room's channel
--       2 the run of the caller's node
--       3 the user
--       4 the seq
--       5 marks that are kept at most; beyond, the lowest goes
--       6 how long they are kept, milliseconds
-- Returns 1, or 0 when nothing changed.
local newest = tonumber(string.match(redis.call('HGET', KEYS[1], 'seq') or '', '^%d+$')) or 0
-- What is beyond what is counted exactly is as none.
local seq = math.min(tonumber(ARGV[4]), newest <= 9007199254740992 and newest or 0)
local known = redis.call('ZSCORE', KEYS[2], ARGV[3])
if seq <= tonumber(known or '0') then return 0 end
if not known and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then
  redis.call('ZREM', KEYS[2], redis.call('ZRANGE', KEYS[2], 0, 0)[1])
end
local text = string.format('%.0f', seq)
redis.call('ZADD', KEYS[2], text, ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('PUBLISH', ARGV[1], '~1\nread\n' .. ARGV[2] .. '\n' .. ARGV[3] .. '\n' .. text)
return 1
