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
append_record(KEYS[1], KEYS[2], KEYS[3], KEYS[5], ARGV[6] == '1', ARGV[1], ARGV[4], ARGV[3])
return 'done'
