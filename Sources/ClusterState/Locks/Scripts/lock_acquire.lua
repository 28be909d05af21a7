-- ARGV: 4 ttl, 5 patience (0: not to wait), 6 most waiters, 7 1 if two holders at once would do harm, so that neither a
-- server that evicts keys nor one that may have lost some grants the lock. Returns: evicting and the
-- policy, when this server evicts keys, or granted, token, generation; or waiting or
-- quarantine, a span after which to ask again, 1 if first of all; or full. Who asks again under the same name after a
-- lost answer is granted what it was granted.
local ttl, patience, limit = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
if ARGV[7] == '1' then
    local policy = string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:(%S+)')
    if policy and policy ~= 'noeviction' then return {'evicting', policy} end
end
local generation, ends, token = enter()
local first = head()

local function queue(word, span)
    if patience > 0 then
        if redis.call('HGET', KEYS[4], owner) == false then
            if redis.call('LLEN', KEYS[3]) >= limit then return {'full'} end
            redis.call('RPUSH', KEYS[3], owner)
            first = first or owner
        end
        redis.call('HSET', KEYS[4], owner, digits(now + patience))
        redis.call('PEXPIRE', KEYS[3], patience)
        redis.call('PEXPIRE', KEYS[4], patience)
    end
    return {word, span, first == owner and 1 or 0}
end

if ARGV[7] == '1' and now < ends then return queue('quarantine', ends - now) end
local held = redis.call('HMGET', KEYS[2], 'owner', 'token')
if held[1] == owner then
    redis.call('PEXPIRE', KEYS[2], ttl)
    return {'granted', count(held[2]) or 0, generation}
end
if held[1] then return queue('waiting', redis.call('PTTL', KEYS[2])) end
if first and first ~= owner then
    wake(first)
    return queue('waiting', ttl)
end
if first then
    redis.call('LPOP', KEYS[3])
    redis.call('HDEL', KEYS[4], owner)
end
token = math.max(token + 1, micros)
redis.call('HSET', KEYS[1], 'token', digits(token))
redis.call('HSET', KEYS[2], 'owner', owner, 'token', digits(token))
redis.call('PEXPIRE', KEYS[2], ttl)
return {'granted', token, generation}
