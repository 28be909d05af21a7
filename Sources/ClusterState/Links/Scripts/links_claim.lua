-- Takes links that nobody owns, or whose owner was seen without a beat for longer than it promised to let go after.
-- KEYS and ARGV 1 to 3: as for links_beat. ARGV: 4 the node's name; then for each link its id, what its owner was seen
-- to be ('' nobody), what the lease of that owner was seen to be ('' none), and the token of a holder that takes its
-- link into a new generation ('' for all others). An owner is a boot, a space, a token, a space and the node's name.
-- Returns: generation, the version of the owners before and after, and of each link the token, 0 when it was not given.
local generation, ends, token = enter()
local before = count(redis.call('HGET', KEYS[5], 'owned')) or 0
local after = before
local answer = {generation, before, after}
local isAlive = redis.call('HEXISTS', KEYS[2], owner) == 1
for index = 5, #ARGV, 4 do
    local id, seen, lease, own = ARGV[index], ARGV[index + 1], ARGV[index + 2], count(ARGV[index + 3])
    local current = redis.call('HGET', KEYS[4], id) or ''
    local given = 0
    if isAlive and own then
        if now < ends and (count(string.match(current, '^%S+ (%d+) ')) or 0) <= own then given = own end
    elseif isAlive and now >= ends and current == seen and redis.call('HEXISTS', KEYS[3], id) == 1 then
        local boot = string.match(current, '^(%S+) ')
        if current == '' or (redis.call('HGET', KEYS[2], boot or '') or '') == lease then
            token = math.max(token + 1, micros)
            given = token
        end
    end
    if given > 0 then
        redis.call('HSET', KEYS[4], id, owner .. ' ' .. digits(given) .. ' ' .. ARGV[4])
        after = math.max(before + 1, micros)
    end
    answer[#answer + 1] = given
end
if after > before then
    answer[3] = after
    redis.call('HSET', KEYS[1], 'token', digits(token))
    redis.call('HSET', KEYS[5], 'owned', digits(after))
    redis.call('PUBLISH', KEYS[4], owner)
end
return answer
