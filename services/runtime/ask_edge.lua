-- All that a request wants to know of Redis, in one round trip: may it come in, and is there a copy of its answer?
--
-- KEYS: a bucket for each limit; then, if the answer may be a copy, the copy and the lease to fill it.
-- ARGV: how many buckets; for each the microseconds that a request costs and those that the bucket holds; then the token of
--       a new lease and its milliseconds.
--
-- A bucket is the instant at which it will be empty again (GCRA): one key a limit, exact, no bursts at the edges of windows.
-- All limits are looked at before any is charged, so what one refuses costs nothing with the others.
-- The clock is this server's: the clocks of those who ask do not matter.
--
-- Returns {microseconds until each bucket would be empty, copy, token of whoever may fill it}.
local limits = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ahead, is_admitted = {}, true

if limits > 0 then
    local empty_at = redis.call('MGET', unpack(KEYS, 1, limits))
    for i = 1, limits do
        ahead[i] = math.max((tonumber(empty_at[i] or now) or now) - now, 0) + ARGV[2 * i]
        is_admitted = is_admitted and ahead[i] <= tonumber(ARGV[2 * i + 1])
    end
    if not is_admitted then
        return {ahead}
    end
    for i = 1, limits do
        redis.call('SET', KEYS[i], string.format('%.0f', now + ahead[i]), 'PX', math.ceil(ahead[i] / 1000))
    end
end

if #KEYS == limits then
    return {ahead}
end
local copy, lease = KEYS[limits + 1], KEYS[limits + 2]
local found = redis.call('GET', copy)
if found and tonumber(string.sub(found, 1, 13)) * 1000 > now then
    return {ahead, found}
end
local token = ARGV[2 * limits + 2]
if redis.call('SET', lease, token, 'NX', 'PX', ARGV[2 * limits + 3]) then
    return {ahead, found, token}
end
return {ahead, found, redis.call('GET', lease)}
