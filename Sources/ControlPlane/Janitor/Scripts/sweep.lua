-- Takes away who was in a room, or connected as a user, on nodes that are gone, and tells of it.
--
-- KEYS  1 who is in, a hash
--       2 the session, a hash, if this is a user's; it is absent for a room
-- ARGV  1 the channel of the room or user
--       2 now, Unix milliseconds
--       3 how long a session is kept after the last connection went, milliseconds
--       4 how many of the following are nodes that are gone, by their runs; the others live
--       5 … the runs
-- Returns how many fields were taken away, and the runs of nodes that are neither gone nor known to live.
local gone, living, unknown = {}, {}, {}
for index = 5, #ARGV do
  if index - 4 <= tonumber(ARGV[4]) then gone[ARGV[index]] = true else living[ARGV[index]] = true end
end
local removed = 0
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local boot = string.sub(field, 1, string.find(field, '\n', 1, true) - 1)
  if gone[boot] then
    redis.call('HDEL', KEYS[1], field)
    redis.call('PUBLISH', ARGV[1], '@' .. field .. '\n')
    removed = removed + 1
  elseif not living[boot] then
    unknown[boot] = true
  end
end
if removed > 0 and redis.call('EXISTS', KEYS[1]) == 0 and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[2], 'last', ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
local answer = { removed }
for boot in pairs(unknown) do answer[#answer + 1] = boot end
table.sort(answer, function(one, other)
  if type(one) ~= type(other) then return type(one) == 'number' end
  return one < other
end)
return answer
