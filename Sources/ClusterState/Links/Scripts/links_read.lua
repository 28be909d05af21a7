-- All definitions, or all owners. KEYS and ARGV 1 to 3: as for links_beat. ARGV: 4 defined or owned.
-- Returns: generation, what is left of its quarantine, the version, and of each link the id and the text.
local generation, ends = enter()
local answer = {generation, math.max(0, ends - now), count(redis.call('HGET', KEYS[5], ARGV[4])) or 0}
local found = redis.call('HGETALL', ARGV[4] == 'defined' and KEYS[3] or KEYS[4])
for index = 1, #found do answer[#answer + 1] = found[index] end
return answer
