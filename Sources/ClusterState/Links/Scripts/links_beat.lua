-- A node's sign of life as an owner of links: renews its lease, and gives what the others have.
-- KEYS: 1 the generation, 2 the leases (a hash: boot to the time of the last beat in microseconds, a space and what the
-- node says of itself), 3 the definitions, 4 the owners, 5 the versions (a hash: defined, owned). ARGV: 1 boot, 2
-- highest token that the caller has seen, 3 length of a quarantine in milliseconds, 4 what the node says of itself, ''
-- when it leaves; then boots and the texts of their leases, to be forgotten if they are still the same.
-- Returns: generation, what is left of its quarantine, the versions of the definitions and of the owners, and of each
-- lease the boot and the text.
local generation, ends = enter()
if ARGV[4] == '' then
    redis.call('HDEL', KEYS[2], owner)
else
    redis.call('HSET', KEYS[2], owner, digits(micros) .. ' ' .. ARGV[4])
    -- The last node's lease goes with the key, long after it has ended: ten minutes.
    redis.call('PEXPIRE', KEYS[2], '600000')
end
for index = 5, #ARGV, 2 do
    if redis.call('HGET', KEYS[2], ARGV[index]) == ARGV[index + 1] then redis.call('HDEL', KEYS[2], ARGV[index]) end
end
local versions = redis.call('HMGET', KEYS[5], 'defined', 'owned')
local answer = {generation, math.max(0, ends - now), count(versions[1]) or 0, count(versions[2]) or 0}
local leases = redis.call('HGETALL', KEYS[2])
for index = 1, #leases do answer[#answer + 1] = leases[index] end
return answer
