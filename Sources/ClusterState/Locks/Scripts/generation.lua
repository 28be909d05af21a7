-- Stands before each script on locks.
-- KEYS: 1 the generation (a hash: run, generation, until, token), 2 the lock (a hash: owner, token), 3 its queue (a list
-- of owners), 4 its waiters (a hash: owner to the end of its patience). ARGV: 1 owner, 2 highest token that the caller
-- has seen, 3 length of a quarantine; spans are milliseconds. An owner is a wake-up channel, a slash and a number.
local owner, highest, quarantine = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(micros / 1000)

local function digits(number) return string.format('%.0f', number) end

-- What is no number, or none that is counted exactly, is as none.
local function count(text)
    local number = tonumber(string.match(text or '', '^%d+$'))
    return number and number <= 9007199254740992 and number or nil
end

-- For how long no lock that this data may lack can have been granted or renewed. A server that began as what it is has
-- had no locks but its own since it began: those of its former run were older. Of its own it lacks none if it still has
-- the record of its former run, or if nothing was ever written to it. One that was another's replica may lack what that
-- one granted a moment ago.
local function calm(info, former)
    local replication = redis.call('INFO', 'replication')
    if not string.find(replication, 'role:master') or not string.find(replication, 'second_repl_offset:%-1') then
        return 0
    end
    if not former then
        local persistence = redis.call('INFO', 'persistence')
        if not string.find(persistence, 'rdb_changes_since_last_save:0%s')
            or not string.find(persistence, 'rdb_saves:0%s') then return 0 end
    end
    return (count(string.match(info, 'uptime_in_seconds:(%d+)')) or 0) * 1000
end

-- The generation of the data, the end of its quarantine and the highest token. A server that began anew, or that lost
-- the record, may have lost locks too: that is a new generation.
local function enter()
    local info = redis.call('INFO', 'server')
    local run = string.match(info, 'run_id:(%x+)')
    local known = redis.call('HMGET', KEYS[1], 'run', 'generation', 'until', 'token')
    local stored = count(known[4]) or 0
    local token = math.max(stored, highest)
    local generation, ends = count(known[2]), count(known[3])
    if known[1] ~= run or not generation or not ends then
        token = math.max(token + 1, micros)
        local isOfFormerRun = known[1] and known[1] ~= run
        ends = now + quarantine - math.min(quarantine, calm(info, isOfFormerRun))
        redis.call('HSET', KEYS[1], 'run', run, 'generation', digits(token), 'until', digits(ends),
            'token', digits(token))
        return token, ends, token
    end
    if token > stored then redis.call('HSET', KEYS[1], 'token', digits(token)) end
    return generation, ends, token
end

-- The first waiter that has not gone, or nil.
local function head()
    local first = redis.call('LRANGE', KEYS[3], 0, 0)[1]
    while first and (count(redis.call('HGET', KEYS[4], first)) or 0) < now do
        redis.call('LPOP', KEYS[3])
        redis.call('HDEL', KEYS[4], first)
        first = redis.call('LRANGE', KEYS[3], 0, 0)[1]
    end
    return first
end

local function wake(waiter) redis.call('PUBLISH', string.match(waiter, '^(.*)/'), waiter) end
