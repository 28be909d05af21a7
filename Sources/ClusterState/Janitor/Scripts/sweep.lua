-- Takes away who was in a room, or connected as a user, on nodes that are gone, and tells of it; a part at a time. Which
-- nodes are meant the caller says; whether they are gone is asked here, in the same step: one that beats keeps its users.
--
-- KEYS  1 who is in, a hash
--       2 the session, a hash, if this is a user's; it is absent for a room
--       3 the nodes, as `beat.lua` writes them
-- ARGV  1 the channel of the room or user
--       2 where the part begins: '0', or what the last answer said
--       3 how long a session is kept after the last connection went, milliseconds
--       4 after how long a silent node is gone, milliseconds
--       5 how many of the following are nodes that are taken to be gone, by their runs; the others live
--       6 … the runs
-- Returns where the next part begins, '0' at the end, how many fields were taken away, and the runs of nodes that are
-- neither gone nor known to live: nobody said anything of them, or they are said to be gone and beat.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local gone, living, unknown = {}, {}, {}
for index = 6, #ARGV do
  local boot = ARGV[index]
  local beat = tonumber(string.match(redis.call('HGET', KEYS[3], boot) or '', '^%d+'))
  local isAlive = beat and math.abs(now - beat) <= tonumber(ARGV[4])
  local isSaidGone = index - 5 <= tonumber(ARGV[5])
  if isSaidGone and not isAlive then gone[boot] = true end
  if not isSaidGone then living[boot] = true end
end
local removed = 0
local part = redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', 1000)
for index = 1, #part[2], 2 do
  local field = part[2][index]
  local boot = string.match(field, '^[^\n]*')
  if gone[boot] then
    if redis.call('HDEL', KEYS[1], field) == 1 then
      redis.call('PUBLISH', ARGV[1], '@1\n' .. field .. '\n')
      removed = removed + 1
    end
  elseif not living[boot] then
    unknown[boot] = true
  end
end
if removed > 0 and redis.call('EXISTS', KEYS[1]) == 0 and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[2], 'last', string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
local runs = {}
for boot in pairs(unknown) do runs[#runs + 1] = boot end
table.sort(runs)
return { part[1], removed, unpack(runs, 1, math.min(#runs, 1000)) }
