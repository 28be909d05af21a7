-- Notes how far a device has processed a user's inbox. A cursor only rises.
--
-- KEYS  1 the inbox's place, a hash: epoch, seq
--       2 the devices' cursors, a hash
-- ARGV  1 the epoch that the device means
--       2 the device
--       3 the seq
--       4 devices that are remembered at most; beyond, the one that is furthest behind goes
--       5 how long cursors are kept, milliseconds
-- Returns 1, or 0 when nothing changed.
local place = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
if place[1] ~= ARGV[1] then return 0 end
local seq = math.min(tonumber(ARGV[3]), tonumber(place[2]))
local known = redis.call('HGET', KEYS[2], ARGV[2])
if known and tonumber(known) >= seq then return 0 end
if not known and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[4]) then
  local cursors = redis.call('HGETALL', KEYS[2])
  local lowest
  for index = 1, #cursors, 2 do
    local entry = { tonumber(cursors[index + 1]), cursors[index] }
    if not lowest or entry[1] < lowest[1] or (entry[1] == lowest[1] and entry[2] < lowest[2]) then lowest = entry end
  end
  redis.call('HDEL', KEYS[2], lowest[2])
end
redis.call('HSET', KEYS[2], ARGV[2], string.format('%.0f', seq))
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
