-- Says that a message was kept for a user who is away.
--
-- KEYS  1 the claim on the burst of messages that this one belongs to
-- ARGV  1 the run of the node that asks
--       2 how long after its last message a burst is over, milliseconds
-- Returns 1 when the message begins a burst, which is that node's then, else 0.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 0
