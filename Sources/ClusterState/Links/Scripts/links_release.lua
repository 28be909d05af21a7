-- Gives links back. KEYS and ARGV 1 to 3: as for links_beat. ARGV: 4 on for each link its id and the token.
-- Returns: generation, the version of the owners before and after.
local generation = enter()
local before = count(redis.call('HGET', KEYS[5], 'owned')) or 0
local after = before
for index = 4, #ARGV, 2 do
    local current = redis.call('HGET', KEYS[4], ARGV[index]) or ''
    local prefix = owner .. ' ' .. ARGV[index + 1] .. ' '
    if string.sub(current, 1, #prefix) == prefix then
        redis.call('HDEL', KEYS[4], ARGV[index])
        after = math.max(before + 1, micros)
    end
end
if after > before then
    redis.call('HSET', KEYS[5], 'owned', digits(after))
    redis.call('PUBLISH', KEYS[4], owner)
end
return {generation, before, after}
