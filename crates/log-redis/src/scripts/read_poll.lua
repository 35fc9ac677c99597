-- KEYS: incarnation, polls, accepted   ARGV: poll id
-- Returns: nil if the log has not begun | {the poll or nil, ballots accepted or nil, millisecond of this Redis' clock}
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
return { redis.call('HGET', KEYS[2], ARGV[1]), redis.call('HGET', KEYS[3], ARGV[1]), clock_millis() }
