-- Ends what the owner has: the lock, or its place among the waiters. Returns: 1 if it was the holder.
local held = redis.call('HGET', KEYS[2], 'owner') == owner
if held then redis.call('DEL', KEYS[2]) end
if redis.call('HDEL', KEYS[4], owner) == 1 then redis.call('LREM', KEYS[3], 0, owner) end
local first = head()
if first and redis.call('EXISTS', KEYS[2]) == 0 then wake(first) end
return held and 1 or 0
