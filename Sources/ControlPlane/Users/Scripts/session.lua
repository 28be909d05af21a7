-- Goes on with a user's session, or begins one.
--
-- KEYS  1 the session, a hash: id, count (of committed messages), last (the last sign of the user, Unix milliseconds)
--       2 who is connected as the user, a hash
-- ARGV  1 now, Unix milliseconds
--       2 how long a session is kept after the last connection went, milliseconds
--       3 the id of a session that begins now
--       4 messages committed since the caller last said so
--       5 the last sign of the user that the caller knows, Unix milliseconds; 0 for none
--       6 how long a session with connections is kept if nobody says anything, milliseconds
-- Returns the id, 1 if the session went on, the messages, and the last sign before this.
local known = redis.call('HMGET', KEYS[1], 'id', 'count', 'last')
local now, ttl = tonumber(ARGV[1]), tonumber(ARGV[2])
local isConnected = redis.call('HLEN', KEYS[2]) > 0
local last = tonumber(known[3] or '0')
local text = function(number) return string.format('%.0f', number) end

local goesOn = known[1] and (isConnected or last + ttl >= now)
local id = goesOn and known[1] or ARGV[3]
local count = (goesOn and tonumber(known[2]) or 0) + tonumber(ARGV[4])
local latest = math.max(goesOn and last or 0, tonumber(ARGV[5]))
redis.call('HSET', KEYS[1], 'id', id, 'count', text(count), 'last', text(latest))
redis.call('PEXPIRE', KEYS[1], isConnected and ARGV[6] or ARGV[2])

return { id, goesOn and 1 or 0, count, goesOn and last or 0 }
