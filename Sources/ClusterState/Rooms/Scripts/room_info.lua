-- Describes a room that the asking node need not follow.
--
-- KEYS  1 the log's place, a hash   2 what an operator set, a hash   3 who is in, a hash
-- ARGV  1 how many entries of who is in are counted at most
--       2 … nodes that are gone, by their runs: who was in on them is not counted
-- Returns the epoch, the seq, when the room was made, the settings as fields and values, the distinct users and their
-- connections, null for both when there are more entries than are counted; or null when there is no such room.
local place = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'created', 'gone')
local settings = redis.call('HGETALL', KEYS[2])
if #settings == 0 and (place[4] or redis.call('EXISTS', KEYS[1]) == 0) then return false end
local about = { place[1] or '', place[2] or '0', place[3] or '0', settings }
-- Nobody waits for so many: whoever asks reads them in parts.
if redis.call('HLEN', KEYS[3]) > tonumber(ARGV[1]) then
  about[5], about[6] = false, false
  return about
end
local users, connections, known = 0, 0, {}
local gone = {}
for index = 2, #ARGV do gone[ARGV[index]] = true end
local members = redis.call('HGETALL', KEYS[3])
for index = 1, #members, 2 do
  local boot, user = string.match(members[index], '^([^\n]*)\n(.*)$')
  if boot and not gone[boot] then
    if not known[user] then
      known[user] = true
      users = users + 1
    end
    -- Of another format it is not known with how many connections.
    if string.sub(members[index + 1], 1, 2) == '1\n' then
      local _, lines = string.gsub(members[index + 1], '\n', '')
      connections = connections + math.floor(lines / 3)
    end
  end
end
about[5], about[6] = users, connections
return about
