-- Creates a poll, or changes one that is still as the caller has read it.
-- KEYS: attached, polls, log, accepted, voters of the poll
-- ARGV: poll id, the poll as it was read ('' for none), the poll as it shall be, name of a poll's field,
--       '1' if it must have no ballots, '1' if its voters are to be forgotten, what `attached` must hold
-- Returns: 'not attached' | 'differs' | 'done'
if redis.call('GET', KEYS[1]) ~= ARGV[7] then
  return 'not attached'
end
if (redis.call('HGET', KEYS[2], ARGV[1]) or '') ~= ARGV[2] then
  return 'differs'
end
if ARGV[5] == '1' and tonumber(redis.call('HGET', KEYS[4], ARGV[1]) or '0') > 0 then
  return 'differs'
end
if ARGV[2] == ARGV[3] then
  -- The poll is unchanged, so nothing is appended; but the caller now knows this from a log that accepts ballots.
  return 'done'
end
-- If the stream is gone (deleted, evicted), Redis would start a new one at any id.
if redis.call('EXISTS', KEYS[3]) == 0 then
  return 'not attached'
end
-- Starts with a write that needs no memory, and with one that frees memory if possible. Redis then allows all later
-- writes, however full it is. Closing, hiding or resetting a poll must always succeed.
if ARGV[6] == '1' then
  redis.call('UNLINK', KEYS[5])
else
  redis.call('PERSIST', KEYS[1])
end
local position = redis.call('XADD', KEYS[3], '*', ARGV[4], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
take_positions(KEYS[3], position, 1)
return 'done'
