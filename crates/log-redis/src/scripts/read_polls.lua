-- KEYS: incarnation, polls
-- Returns: nil if the log has not begun | {all polls, millisecond of this Redis' clock}
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
return { redis.call('HVALS', KEYS[2]), clock_millis() }
