-- ARGV: 4 ttl, 5 generation in which the lock was granted. Returns: renewed; changed (another generation); or lost.
local generation = enter()
if generation ~= tonumber(ARGV[5]) then return {'changed'} end
if redis.call('HGET', KEYS[2], 'owner') ~= owner then return {'lost'} end
redis.call('PEXPIRE', KEYS[2], tonumber(ARGV[4]))
return {'renewed'}
