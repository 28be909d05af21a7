-- Writes a node's sign of life, forgets the nodes that gave none for too long, and tells of all others. Who lives is
-- decided here alone, by this server's clock; `sweep.lua` reads the same.
--
-- KEYS  1 the nodes, a hash: by boot the time of the last beat, a space, since when the node has been known without a
--         break, a space and the record; without a record it has left. The two times stand so in every format.
-- ARGV  1 the channel on which the others are told that they should look, '' for none
--       2 the node's boot
--       3 its record, '' when it leaves
--       4 after how long a silent node is forgotten, milliseconds
-- Returns the time in Unix milliseconds, since when this node has been known, and of each other node its boot and what
-- the hash has of it.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local expiry = tonumber(ARGV[4])
local text = function(number) return string.format('%.0f', number) end

local since = now
local answer = { now, 0 }
local nodes = redis.call('HGETALL', KEYS[1])
for index = 1, #nodes, 2 do
  local boot, value = nodes[index], nodes[index + 1]
  local beat = tonumber(string.match(value, '^%d+'))
  -- Also one from a time that this clock has not reached: who lives beats again.
  local isAlive = beat and math.abs(now - beat) <= expiry
  if boot == ARGV[2] then
    local known = tonumber(string.match(value, '^%d+ (%d+) '))
    if isAlive and known and known <= 9007199254740992 then since = known end
  elseif not isAlive then
    redis.call('HDEL', KEYS[1], boot)
  else
    answer[#answer + 1] = boot
    answer[#answer + 1] = value
  end
end
redis.call('HSET', KEYS[1], ARGV[2], text(now) .. ' ' .. text(since) .. ' ' .. ARGV[3])
-- The last node's record goes with the key, after longer than any node with other settings waits between two beats.
redis.call('PEXPIRE', KEYS[1], text(expiry * 10))
if ARGV[1] ~= '' then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
answer[2] = since
return answer
