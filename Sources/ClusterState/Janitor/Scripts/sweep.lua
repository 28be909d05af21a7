-- Takes away who was in a room, or connected as a user, on nodes that are gone, and tells of it; a part at a time. Which
-- nodes are meant the caller says; whether they are gone is asked here, in the same step: one that beats keeps its users.
--
-- KEYS  1 who is in, a hash
--       2 the session, a hash, if this is a user's; it is absent for a room
--       3 the nodes, as `beat.lua` writes them
--       4 … for each node that is taken to be gone: what says that its users were taken away
-- ARGV  1 the channel of the room or user
--       2 where the part begins: '0', or what the last answer said
--       3 how long a session is kept after the last connection went, milliseconds
--       4 after how long a silent node is gone, milliseconds
--       5 how many of the following are nodes that are taken to be gone, by their runs; the others live
--       6 … the runs
-- Returns where the next part begins, '0' at the end, how many fields were taken away, of these in turn the user and
-- what that means (the sum of: 1 always; 2 no node has the user any more; 4 nobody is in any more), and the runs of
-- nodes that are neither gone nor known to live: nobody said anything of them, or they are said to be gone and beat.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local gone, living, unknown, boots = {}, {}, {}, redis.call('HKEYS', KEYS[3])
for index = 6, #ARGV do
  local boot = ARGV[index]
  boots[#boots + 1] = boot
  local beat = tonumber(string.match(redis.call('HGET', KEYS[3], boot) or '', '^%d+'))
  local isAlive = beat and math.abs(now - beat) <= tonumber(ARGV[4])
  local isSaidGone = index - 5 <= tonumber(ARGV[5])
  if isSaidGone and not isAlive then gone[boot] = KEYS[index - 2] end
  if not isSaidGone then living[boot] = true end
end
-- What it means that a user of a node is away now.
local function verdict(boot, user)
  if redis.call('HLEN', KEYS[1]) == 0 then return 7 end
  local fields = {}
  for _, other in ipairs(boots) do
    if other ~= boot then fields[#fields + 1] = other .. '\n' .. user end
  end
  for _, record in ipairs(#fields > 0 and redis.call('HMGET', KEYS[1], unpack(fields)) or {}) do
    if record then return 1 end
  end
  return 3
end
local removed, left = 0, {}
local part = redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', 1000)
for index = 1, #part[2], 2 do
  local field = part[2][index]
  local boot, user = string.match(field, '^([^\n]*)\n?(.*)$')
  if gone[boot] then
    if redis.call('HDEL', KEYS[1], field) == 1 then
      redis.call('PUBLISH', ARGV[1], '@1\n' .. field .. '\n')
      redis.call('SET', gone[boot], '1', 'PX', 86400000)
      removed = removed + 1
      left[#left + 1] = user
      left[#left + 1] = verdict(boot, user)
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
return { part[1], removed, left, unpack(runs, 1, math.min(#runs, 1000)) }
