-- Commits messages to a shared log, each at most once, and publishes those that are new. Without a message it only
-- says where the log stands, and makes it if it is not there.
--
-- KEYS  1 the log's place, a hash: epoch, seq, lineage ("epoch seq …": the former epochs, oldest first, each with the
--         seq at which the next one forked from it), and when the newest messages are not stored, the seq of the first
--         of them
--       2 its entries, a stream whose ids are the seqs; each names the commit that wrote it; the first one behind
--         messages that are not stored says the seq of the first of them; one that was restored says where it stood
--         before
--       3 … for each message the key that remembers its id, '!' if it was refused; behind them, when messages of links
--         are among these, who owns links, and how many messages of links were refused: hashes by link
-- ARGV  1 the channel
--       2 the epoch that the caller knows, '' for none
--       3 the newest seq that it knows
--       4 a name that nothing else has: this commit's, and with it a new epoch's name begins
--       5 how long ids are known, milliseconds
--       6 entries kept
--       7 how long a silent log is kept, milliseconds
--       8 one of how many messages is stored: those whose seq is a multiple of it. All get places and are published
--       9 the lineage that the caller knows
--      10 '1' when the entries of the epoch that the caller knows differ from those that it has
--      11 … for each message its time, its body, and its places in former epochs ("epoch seq …", or ''; '?' when the
--         caller has kept it, and knows that the present history does not hold it; '!', a token, a space and a link for
--         one that this link brought under that fencing token)
-- Returns the epoch, the newest seq, when the newest messages are not stored the seq of the first of them, else 0, and
-- the lineage; then for each message its seq, negative when it is not stored, or "epoch seq time" of its first commit,
-- with " -" behind it when that was not stored, or both its seq and its place in a former epoch, which the caller did
-- not know: the lineage does not lead over that place, so what stood there was lost; 0 for one that is refused, as its
-- link has an owner with a higher token. Messages for a history that was deleted are not committed: nothing is returned
-- for them.
-- Redis does not roll back. Whoever opens the log hears of a right that is missing before anything is written; a commit
-- that finds an entry refused takes its ids back, as ids without messages would be messages lost. Entries beyond the
-- place would look like another history, so each commit is refused before its first entry if it can't set the place.
local needed = { { 'HSET', KEYS[1], 'epoch', '' } }
if #KEYS == 2 then
  needed = {
    needed[1], { 'XADD', KEYS[2], '1-0', 'm', '' }, { 'XTRIM', KEYS[2], 'MAXLEN', '1' }, { 'PUBLISH', ARGV[1], '' },
    { 'PEXPIRE', KEYS[1], '1' }, { 'SET', KEYS[1], '' },
  }
end
for _, command in ipairs(needed) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this user has no right to run ' .. command[1])
  end
end
local place = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'unstored', 'lineage')
local epoch = place[1]
local seq = tonumber(string.match(place[2] or '0', '^%d+$'))
local unstored = place[3]
local lineage = place[4] or ''
local newest = tonumber(ARGV[3])
local share = tonumber(ARGV[8])
local text = function(number) return string.format('%.0f', number) end

-- What links bring is looked at before anything is written: which link brought which message, and what is refused, with
-- whether it was refused before.
local messages = (#ARGV - 10) / 3
local brought, refused = {}, {}
if #KEYS > 2 + messages then
  for index = 3, 2 + messages do
    local token, link = string.match(ARGV[3 * index + 4], '^!(%d+) (.*)$')
    if token then
      brought[index] = link
      local owner = redis.call('HGET', KEYS[#KEYS - 1], link) or ''
      local newest = tonumber(string.match(owner, '^%S+ (%d+) ') or '0')
      if newest <= 9007199254740992 and newest > tonumber(token) then
        local known = redis.call('GET', KEYS[index])
        if not known or known == '!' then refused[index] = known or '' end
      end
    end
  end
end

-- The seq of the newest entry. A stream without entries goes, as it remembers its last id.
local lastSeq = function()
  local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  if last then return tonumber(string.match(last[1], '^%d+')) end
  redis.call('DEL', KEYS[2])
  return 0
end

-- A seq that can't be one is as no place.
if not seq or seq > 9007199254740992 then epoch, seq = false, 0 end

-- Without a place the log is new, or the store lost it. With less than the caller has seen of the same epoch, the store
-- lost its end; with other entries, it took writes that the caller has not seen and lacks what the caller has. Either
-- way another history begins, above all that anybody saw.
if not epoch or (epoch == ARGV[2] and (newest > seq or ARGV[10] == '1')) then
  local former = epoch or ARGV[2]
  if not epoch then
    lineage = ARGV[9]
    -- The two keys need not go together: entries without a place keep their seqs, and so does what follows them.
    seq = lastSeq()
  end
  seq = math.max(seq, newest)
  epoch = ARGV[4]
  if former ~= '' then
    -- The last eight: whoever comes with an older position is told that nothing is known of it.
    local words = {}
    for word in string.gmatch(lineage .. ' ' .. former .. ' ' .. text(seq), '%S+') do words[#words + 1] = word end
    lineage = table.concat(words, ' ', math.max(#words - 15, 1))
    -- The name says from what it came, the nearest two: so a position of it says something also where nobody who
    -- followed it is left.
    for at = #words - 1, math.max(#words - 3, 1), -2 do
      epoch = epoch .. '~' .. string.match(words[at], '^[^~]*') .. ':' .. words[at + 1]
    end
  end
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', text(seq), 'lineage', lineage)
  -- What lies before the fork was lost, stored or not.
  redis.call('HDEL', KEYS[1], 'unstored')
  unstored = false
  -- Whoever follows the former epoch hears that it is over.
  if former ~= '' then redis.call('PUBLISH', ARGV[1], '=2\n' .. epoch .. '\n' .. ARGV[4] .. '\n' .. text(seq + 1)) end
end

if ARGV[2] ~= '' and epoch ~= ARGV[2] then
  local deleted = ' ' .. (redis.call('HGET', KEYS[1], 'deleted') or '') .. ' '
  if string.find(deleted, ' ' .. ARGV[2] .. ' ', 1, true) then return { epoch, seq, 0, lineage } end
end

local first = seq + 1
local results = {}
local published = { '=2', epoch, ARGV[4], text(first) }
-- The ids that this commit wrote, each with its value before; false for none.
local written = {}

-- The answer when an entry was refused, which only the first one of a commit can be.
local takeBack = function(refusal)
  for _, id in ipairs(written) do
    -- A time that is past takes a key away, and needs no other right than to set it.
    if id[2] then redis.call('SET', id[1], id[2], 'PX', ARGV[5]) else redis.call('SET', id[1], '', 'PXAT', 1) end
  end
  if not string.find(refusal.err, 'equal or smaller', 1, true) then return refusal end
  -- The place is older than the entries: it was restored, or its last commit was broken off halfway.
  redis.call('HSET', KEYS[1], 'seq', text(math.max(first - 1, lastSeq())))
  return redis.error_reply('TRYAGAIN the place of the log was behind its entries')
end

-- How far an epoch leads over; nil when nothing is known of it.
local forkOf = function(name)
  local fork
  for former, at in string.gmatch(lineage, '(%S+) (%d+)') do
    if former == name then fork = tonumber(at) end
  end
  return fork
end

-- The place in a former epoch by which an id is known, when what stood there is lost.
local lostPlace = function(known, isKept)
  local former, at = string.match(known, '^(%S+) (%d+)')
  if not former or former == epoch then return nil end
  local fork = forkOf(former)
  local isLost = isKept
  if fork then isLost = tonumber(at) > fork end
  return isLost and former .. ' ' .. at or nil
end

for index = 3, 2 + messages do
  local time = ARGV[3 * index + 2]
  local body = ARGV[3 * index + 3]
  local was = brought[index] and '' or ARGV[3 * index + 4]
  local isKept = was == '?'
  if isKept then was = '' end
  local place = text(seq + 1)
  local isStored = (seq + 1) % share == 0
  local value = epoch .. ' ' .. place .. ' ' .. time .. (isStored and '' or ' -')
  local known = refused[index] and 0 or redis.call('SET', KEYS[index], value, 'PX', ARGV[5], 'NX', 'GET')
  if known == '!' then
    redis.call('SET', KEYS[index], value, 'PX', ARGV[5])
    known = false
  end
  -- Its id may outlive it: what is committed again is missing, though a former epoch had it.
  local isMissing = known and was ~= '' and string.match(known, '^%S+') ~= epoch
  local lost = known and was == '' and lostPlace(known, isKept)
  if lost then was, isMissing = lost, true end
  if isMissing then redis.call('SET', KEYS[index], value, 'PX', ARGV[5]) end
  if known and not isMissing then
    results[#results + 1] = known
  else
    written[#written + 1] = { KEYS[index], known }
    seq = seq + 1
    local fields = { 'm', body, 'by', ARGV[4] }
    if not isStored then
      unstored = unstored or place
    else
      if unstored then
        fields[5] = 'unstored'
        fields[6] = unstored
        unstored = false
      end
      if was ~= '' then
        fields[#fields + 1] = 'was'
        fields[#fields + 1] = was
      end
      local added = redis.pcall('XADD', KEYS[2], place .. '-0', unpack(fields))
      if type(added) == 'table' and added.err then return takeBack(added) end
    end
    local result = isStored and seq or -seq
    results[#results + 1] = lost and { result, lost } or result
    published[#published + 1] = (isStored and '' or '-') .. text(#body) .. (was ~= '' and ' ' .. was or '')
    published[#published + 1] = body
  end
end
if seq >= first then
  redis.call('HSET', KEYS[1], 'seq', text(seq))
  if unstored then
    redis.call('HSET', KEYS[1], 'unstored', unstored)
  elseif place[3] then
    redis.call('HDEL', KEYS[1], 'unstored')
  end
  redis.call('XTRIM', KEYS[2], 'MAXLEN', ARGV[6])
  redis.call('PUBLISH', ARGV[1], table.concat(published, '\n'))
end
for index, before in pairs(refused) do
  if before == '' then
    redis.call('SET', KEYS[index], '!', 'PX', ARGV[5])
    local count = tonumber(string.match(redis.call('HGET', KEYS[#KEYS], brought[index]) or '', '^%d+$') or '0')
    redis.call('HSET', KEYS[#KEYS], brought[index], text(count < 9007199254740992 and count + 1 or 1))
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
table.insert(results, 1, lineage)
table.insert(results, 1, tonumber(unstored or '0'))
table.insert(results, 1, seq)
table.insert(results, 1, epoch)
return results
