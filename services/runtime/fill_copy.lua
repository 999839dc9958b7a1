-- Keep a copy, unless the lease to do so has ended: whoever deletes a copy deletes its lease too, so what was read before a
-- change can never be kept after it.
--
-- KEYS: the copy, its lease.  ARGV: the token of the lease, milliseconds for which the copy is fresh, and for which it may
-- still be shown while somebody reads a new one; the copy.
--
-- Returns 1 if it was kept, else the copy that there is, or 0.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return redis.call('GET', KEYS[1]) or 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], string.format('%013.0f', now + ARGV[2]) .. ARGV[4], 'PX', ARGV[2] + ARGV[3])
redis.call('DEL', KEYS[2])
return 1
