-- Whether one of several owners has the lock: whoever works for that one enters it again. ARGV: 1 the owners, with spaces
-- between. Returns: granted, token, generation; or lost.
local generation = enter()
local held = redis.call('HMGET', KEYS[2], 'owner', 'token')
local token = count(held[2])
if not held[1] or not token or not string.find(' ' .. owner .. ' ', ' ' .. held[1] .. ' ', 1, true) then return {'lost'} end
return {'granted', token, generation}
