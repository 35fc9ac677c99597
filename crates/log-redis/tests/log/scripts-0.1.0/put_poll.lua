-- Creates a poll or changes one, if it still is what the caller has read.
-- KEYS: id, polls, log, accepted, voters of the poll
-- ARGV: poll id, the poll as it was read ('' for none), the poll as it shall be, name of a poll's field,
--       '1' if it must have no ballots, '1' if its voters are to be forgotten
-- Returns: 'not begun' | 'differs' | 'done'
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 'not begun'
end
if (redis.call('HGET', KEYS[2], ARGV[1]) or '') ~= ARGV[2] then
  return 'differs'
end
if ARGV[5] == '1' and tonumber(redis.call('HGET', KEYS[4], ARGV[1]) or '0') > 0 then
  return 'differs'
end
local place = redis.call('XADD', KEYS[3], '*', ARGV[4], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
if ARGV[6] == '1' then
  redis.call('UNLINK', KEYS[5])
end
take_places(KEYS[3], place, 1)
return 'done'
