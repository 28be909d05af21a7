-- Goes on with a user's session, or begins one. All times are this server's.
--
-- KEYS  1 the session, a hash: id, count (of committed messages), last (the last sign of the user, Unix milliseconds)
--       2 who is connected as the user, a hash
-- ARGV  1 how long a session is kept after the last connection went, milliseconds
--       2 the id of a session that begins now
--       3 messages committed since the caller last said so
--       4 how long ago the last sign of the user was that the caller knows, milliseconds; -1 for none
--       5 how long a session with connections is kept if nobody says anything, milliseconds
-- Returns the id, 1 if the session went on, the messages, and the last sign before this.
local known = redis.call('HMGET', KEYS[1], 'id', 'count', 'last')
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local ttl, ago = tonumber(ARGV[1]), tonumber(ARGV[4])
local isConnected = redis.call('HLEN', KEYS[2]) > 0
local text = function(number) return string.format('%.0f', number) end
-- What is no number, or none that is counted exactly, is as none.
local number = function(value)
  local known = tonumber(string.match(value or '', '^%d+$'))
  return known and known <= 9007199254740992 and known or 0
end
local last = number(known[3])

local goesOn = known[1] and (isConnected or last + ttl >= now)
local id = goesOn and known[1] or ARGV[2]
local count = (goesOn and number(known[2]) or 0) + tonumber(ARGV[3])
local latest = math.max(goesOn and last or 0, ago >= 0 and now - ago or 0)
redis.call('HSET', KEYS[1], 'id', id, 'count', text(count), 'last', text(latest))
redis.call('PEXPIRE', KEYS[1], isConnected and ARGV[5] or ARGV[1])

return { id, goesOn and 1 or 0, count, goesOn and last or 0 }
