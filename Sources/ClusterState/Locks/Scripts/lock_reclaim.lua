-- A holder whose lease still runs takes its lock into a new generation, while nobody else can get it. What old data
-- says gives way to the higher token. ARGV: 4 ttl, 5 token. Returns: granted, token, generation; or lost.
local generation, ends = enter()
local token = tonumber(ARGV[5])
if now >= ends then return {'lost'} end
if (count(redis.call('HGET', KEYS[2], 'token')) or 0) > token then return {'lost'} end
redis.call('HSET', KEYS[2], 'owner', owner, 'token', digits(token))
redis.call('PEXPIRE', KEYS[2], tonumber(ARGV[4]))
return {'granted', token, generation}
