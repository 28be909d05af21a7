-- Writes how links stand, as far as the caller owns them. KEYS and ARGV 1 to 3: as for links_beat; KEYS 6 the states (a
-- hash: link to text). ARGV: 4 on for each link its id, the token, and the text.
-- Returns: generation, how many were written.
local generation = enter()
local written = 0
for index = 4, #ARGV, 3 do
    local current = redis.call('HGET', KEYS[4], ARGV[index]) or ''
    local prefix = owner .. ' ' .. ARGV[index + 1] .. ' '
    if string.sub(current, 1, #prefix) == prefix then
        redis.call('HSET', KEYS[6], ARGV[index], ARGV[index + 2])
        written = written + 1
    end
end
return {generation, written}
