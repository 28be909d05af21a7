-- Merges how far devices have processed a user's inbox into what is known of that, and has a new device begin.
--
-- KEYS  1 the inbox's place, a hash: epoch, seq, lineage
--       2 its entries, a stream whose ids are the seqs
--       3 the cursors, a hash: of each device "epoch seq …", one seq for each history; of '' what any device acked
-- ARGV  1 devices that are remembered at most; beyond, the one that is furthest behind goes
--       2 how long cursors are kept, milliseconds
--       3 a device that begins if it is new; '' for none
--       4 where it begins, "epoch seq …"; '' for what any device acked, else before the oldest entry
--       5 … pairs: a device, '' for one that is not remembered, and what it has processed, "epoch seq …"
-- Returns each device with its cursor. Histories that the inbox never had are ignored.
local place = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'lineage')
-- What is no number, or none that is counted exactly, is as none.
local number = function(value)
  local known = tonumber(string.match(value or '', '^%d+$'))
  return known and known <= 9007199254740992 and known or 0
end
local epoch, newest, lineage = place[1], number(place[2]), ' ' .. (place[3] or '')
local devicesMax = tonumber(ARGV[1])
local text = function(number) return string.format('%.0f', number) end

local read = function(words)
  local cursor = {}
  for name, seq in string.gmatch(words, '(%S+) (%d+)') do cursor[#cursor + 1] = { name, number(seq) } end
  return cursor
end
local write = function(cursor)
  local words = {}
  for _, position in ipairs(cursor) do words[#words + 1] = position[1] .. ' ' .. text(position[2]) end
  return table.concat(words, ' ')
end
local merge = function(cursor, other)
  for _, position in ipairs(other) do
    local found
    for _, known in ipairs(cursor) do
      if known[1] == position[1] then
        found = true
        known[2] = math.max(known[2], position[2])
      end
    end
    if not found then cursor[#cursor + 1] = { position[1], position[2] } end
    if #cursor > 9 then table.remove(cursor, 1) end
  end
  return cursor
end

local cursors = {}
local count = 0
local stored = redis.call('HGETALL', KEYS[3])
for index = 1, #stored, 2 do
  cursors[stored[index]] = read(stored[index + 1])
  if stored[index] ~= '' then count = count + 1 end
end

local makeRoom = function()
  local lowest
  for device, cursor in pairs(cursors) do
    if device ~= '' then
      local entry = { #cursor > 0 and cursor[#cursor][2] or 0, device }
      if not lowest or entry[1] < lowest[1] or (entry[1] == lowest[1] and entry[2] < lowest[2]) then lowest = entry end
    end
  end
  redis.call('HDEL', KEYS[3], lowest[2])
  cursors[lowest[2]] = nil
end
local note = function(device, cursor)
  if not cursors[device] and device ~= '' then
    if count >= devicesMax then makeRoom() else count = count + 1 end
  end
  cursors[device] = merge(cursors[device] or {}, cursor)
  redis.call('HSET', KEYS[3], device, write(cursors[device]))
end

-- The part of a cursor that is in histories of this inbox, and not beyond its end.
local inHistory = function(cursor)
  local part = {}
  for _, position in ipairs(cursor) do
    if position[1] == epoch then
      part[#part + 1] = { epoch, math.min(position[2], newest) }
    elseif not epoch or string.find(lineage, ' ' .. position[1] .. ' ', 1, true) then
      part[#part + 1] = position
    end
  end
  return part
end

for index = 5, #ARGV, 2 do
  local processed = inHistory(read(ARGV[index + 1]))
  if #processed > 0 then
    note('', processed)
    if ARGV[index] ~= '' then note(ARGV[index], processed) end
  end
end

if ARGV[3] ~= '' and not cursors[ARGV[3]] then
  local beginning = inHistory(read(ARGV[4]))
  if #beginning == 0 then beginning = cursors[''] or {} end
  if #beginning == 0 and epoch then
    local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
    beginning = { { epoch, oldest and math.max(number(string.match(oldest[1], '^%d+')) - 1, 0) or newest } }
  end
  note(ARGV[3], beginning)
end
redis.call('PEXPIRE', KEYS[3], ARGV[2])
return redis.call('HGETALL', KEYS[3])
