-- KEYS: incarnation, events   ARGV: event id
-- Returns: nil if the log has not begun | {the event or nil}
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
return { redis.call('HGET', KEYS[2], ARGV[1]) }
