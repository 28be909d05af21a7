-- Commits messages to a shared log, each at most once, and publishes those that are new. Without a message it only
-- says where the log stands, and makes it if it is not there.
--
-- KEYS  1 the log's place, a hash: epoch, seq, the former epoch with the seq at which this one forked from it, and when
--         the newest messages are not stored, the seq of the first of them
--       2 its entries, a stream whose ids are the seqs; the first one behind messages that are not stored says the seq
--         of the first of them
--       3 … for each message the key that remembers its id
-- ARGV  1 the channel
--       2 the epoch that the caller knows, '' for none
--       3 the newest seq that it knows
--       4 a name for a new epoch
--       5 how long ids are known, milliseconds
--       6 entries kept
--       7 how long a silent log is kept, milliseconds
--       8 one of how many messages is stored: those whose seq is a multiple of it. All get places and are published
--       9 … for each message its time and its body
-- Returns the epoch, the newest seq, and when the newest messages are not stored the seq of the first of them, else 0;
-- then for each message its seq, negative when it is not stored, or "epoch seq time" of its first commit, with " -"
-- behind it when that was not stored. Messages for a history that was deleted are not committed: nothing is returned
-- for them.
local place = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'unstored')
local epoch = place[1]
local seq = tonumber(place[2] or '0')
local unstored = place[3]
local newest = tonumber(ARGV[3])
local share = tonumber(ARGV[8])
local text = function(number) return string.format('%.0f', number) end

-- Without a place the log is new, or the store lost it. With less than the caller has seen of the same epoch, the store
-- lost its end. Either way another history begins, above all that anybody saw.
if not epoch or (epoch == ARGV[2] and newest > seq) then
  local former = epoch or ARGV[2]
  if not epoch then
    -- The two keys need not go together: entries without a place keep their seqs, and so does what follows them.
    local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
    if last then seq = tonumber(string.match(last[1], '^%d+')) else redis.call('DEL', KEYS[2]) end
  end
  seq = math.max(seq, newest)
  epoch = ARGV[4]
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', text(seq), 'former', former, 'fork', text(seq))
  -- What lies before the fork was lost, stored or not.
  redis.call('HDEL', KEYS[1], 'unstored')
  unstored = false
end

if ARGV[2] ~= '' and epoch ~= ARGV[2] then
  local deleted = ' ' .. (redis.call('HGET', KEYS[1], 'deleted') or '') .. ' '
  if string.find(deleted, ' ' .. ARGV[2] .. ' ', 1, true) then return { epoch, seq, 0 } end
end

local first = seq + 1
local results = {}
local published = { epoch, text(first) }
for index = 3, #KEYS do
  local time = ARGV[2 * index + 3]
  local body = ARGV[2 * index + 4]
  local place = text(seq + 1)
  local isStored = (seq + 1) % share == 0
  local value = epoch .. ' ' .. place .. ' ' .. time .. (isStored and '' or ' -')
  local known = redis.call('SET', KEYS[index], value, 'PX', ARGV[5], 'NX', 'GET')
  if known then
    results[#results + 1] = known
  else
    seq = seq + 1
    if not isStored then
      unstored = unstored or place
    elseif unstored then
      redis.call('XADD', KEYS[2], place .. '-0', 'm', body, 'unstored', unstored)
      unstored = false
    else
      redis.call('XADD', KEYS[2], place .. '-0', 'm', body)
    end
    results[#results + 1] = isStored and seq or -seq
    published[#published + 1] = (isStored and '' or '-') .. text(#body)
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
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
table.insert(results, 1, tonumber(unstored or '0'))
table.insert(results, 1, seq)
table.insert(results, 1, epoch)
return results
