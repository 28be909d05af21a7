-- Reads entries of a shared log: as many as the bounds allow, and one at least if there is one.
--
-- KEYS  1 the log's place
--       2 its entries
-- ARGV  1 the seq behind which they stand
--       2 entries at most
--       3 bytes at most, one entry excepted
-- Returns the epoch (or false), the name of the commit that wrote the entry at that very seq ('-' when the entry names
-- none, '' when the log has no such entry), and the entries.
local after = tonumber(ARGV[1])
local count = tonumber(ARGV[2])
local bytes = tonumber(ARGV[3])
local text = function(number) return string.format('%.0f', number) end

local at = text(after)
local tail = redis.call('XRANGE', KEYS[2], at, at)[1]
local by = ''
if tail then
  by = '-'
  for index = 3, #tail[2] - 1, 2 do
    if tail[2][index] == 'by' then by = tail[2][index + 1] end
  end
end
local entries = {}
-- In parts, so that large entries beyond the bound are not read in vain.
local part = 1
while count > 0 and bytes > 0 do
  local found = redis.call('XRANGE', KEYS[2], text(after + 1), '+', 'COUNT', math.min(part, count))
  for _, entry in ipairs(found) do
    if bytes > 0 then
      entries[#entries + 1] = entry
      bytes = bytes - #entry[2][2]
      count = count - 1
      after = tonumber(string.match(entry[1], '^%d+'))
    end
  end
  if #found < part then break end
  part = 16
end
return { redis.call('HGET', KEYS[1], 'epoch'), by, entries }
