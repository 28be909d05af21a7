-- Brings a part of who is in a room: however many are in, no answer is large.
--
-- KEYS  1 who is in the room, a hash
-- ARGV  1 where the part begins: '0', or what the last answer said
--       2 about how many entries
-- Returns where the next part begins, '0' at the end, and fields and values.
return redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
