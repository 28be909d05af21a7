-- Stands before each script on locks.
-- KEYS: 1 the generation (a hash: run, generation, until, token), 2 the lock (a hash: owner, token), 3 its queue (a list
-- of owners), 4 its waiters (a hash: owner to the end of its patience). ARGV: 1 owner, 2 highest token that the caller
-- has seen, 3 length of a quarantine; spans are milliseconds. An owner is a wake-up channel, a slash and a number.
local owner, highest, quarantine = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(micros / 1000)

local function digits(number) return string.format('%.0f', number) end

-- The generation of the data, the end of its quarantine and the highest token. A server that began anew, or that lost
-- the record, may have lost locks too: that is a new generation.
local function enter()
    local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
    local known = redis.call('HMGET', KEYS[1], 'run', 'generation', 'until', 'token')
    local stored = tonumber(known[4] or '0')
    local token = math.max(stored, highest)
    if known[1] ~= run then
        token = math.max(token + 1, micros)
        redis.call('HSET', KEYS[1], 'run', run, 'generation', digits(token), 'until', digits(now + quarantine),
            'token', digits(token))
        return token, now + quarantine, token
    end
    if token > stored then redis.call('HSET', KEYS[1], 'token', digits(token)) end
    return tonumber(known[2]), tonumber(known[3]), token
end

-- The first waiter that has not gone, or nil.
local function head()
    local first = redis.call('LRANGE', KEYS[3], 0, 0)[1]
    while first and tonumber(redis.call('HGET', KEYS[4], first) or '0') < now do
        redis.call('LPOP', KEYS[3])
        redis.call('HDEL', KEYS[4], first)
        first = redis.call('LRANGE', KEYS[3], 0, 0)[1]
    end
    return first
end

local function wake(waiter) redis.call('PUBLISH', string.match(waiter, '^(.*)/'), waiter) end
