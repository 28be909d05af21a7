-- Writes definitions. KEYS and ARGV 1 to 3: as for links_beat; KEYS 6 the states, 7 the counts of refused messages.
-- ARGV: 4 how many there may be; then for each link its id, the condition (absent, present, or older: a copy of the version that the text begins with, put back where the
-- store has an older one), and the text, '' for one that is deleted. In the hash it stands behind its version and a space;
-- what was deleted stays for an hour, so that nobody puts an old copy back.
-- Returns: generation, and of each link its version, 0 when the condition was not met, -1 when there are too many.
local generation = enter()
local answer, isChanged = {generation}, false
local version = math.max((count(redis.call('HGET', KEYS[5], 'defined')) or 0) + 1, micros)
for index = 5, #ARGV, 3 do
    local id, condition, text = ARGV[index], ARGV[index + 1], ARGV[index + 2]
    local current = redis.call('HGET', KEYS[3], id) or '0 '
    local stored = count(string.match(current, '^(%d+) ')) or 0
    local isThere = #string.match(current, '^%d* ?(.*)$') > 0
    local result = 0
    if condition == 'older' then
        local copied = count(string.match(text, '^(%d+) ')) or 0
        if copied > stored then
            redis.call('HSET', KEYS[3], id, text)
            result, isChanged = copied, true
        end
    elseif isThere == (condition == 'present') then
        if not isThere and stored == 0 and redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[4]) then
            local all = redis.call('HGETALL', KEYS[3])
            for place = 1, #all, 2 do
                local old = count(string.match(all[place + 1], '^(%d+) $'))
                if old and micros - old > 3600000000 then redis.call('HDEL', KEYS[3], all[place]) end
            end
        end
        if not isThere and stored == 0 and redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[4]) then
            result = -1
        else
            redis.call('HSET', KEYS[3], id, digits(version) .. ' ' .. text)
            if text == '' then
                redis.call('HDEL', KEYS[6], id)
                redis.call('HDEL', KEYS[7], id)
            end
            result, isChanged = version, true
        end
    end
    answer[#answer + 1] = result
end
if isChanged then
    redis.call('HSET', KEYS[5], 'defined', digits(version))
    redis.call('PUBLISH', KEYS[4], owner)
end
return answer
