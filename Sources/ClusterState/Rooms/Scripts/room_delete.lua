-- Deletes a room: its history, settings, read marks and members. What is left says which histories are no more, so that
-- a node that did not hear of it does not restore them.
--
-- KEYS  1 the log's place, a hash   2 its entries   3 what an operator set   4 the read marks   5 who is in
-- ARGV  1 the room's channel
--       2 the run of the caller's node
--       3 a name for the epoch that begins
--       4 how long the note is kept, milliseconds
-- Returns the epoch that is no more, '' when there was none yet, or null when there is no such room.
local place = redis.call('HMGET', KEYS[1], 'epoch', 'gone', 'deleted')
local isThere = redis.call('EXISTS', KEYS[1]) == 1 and not place[2]
if not isThere and redis.call('EXISTS', KEYS[3], KEYS[5]) == 0 then return false end
local epoch = place[1] or ''
local deleted = {}
for name in string.gmatch(epoch .. ' ' .. (place[3] or ''), '%S+') do
  if #deleted < 16 then deleted[#deleted + 1] = name end
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'seq', '0', 'gone', '1', 'deleted', table.concat(deleted, ' '))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[1], '~1\ndeleted\n' .. ARGV[2] .. '\n' .. epoch)
return epoch
