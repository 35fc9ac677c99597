-- KEYS: incarnation, a hash
-- Returns: nil if the log has not begun | all values of the hash
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
return redis.call('HVALS', KEYS[2])
