-- Creates an event, or changes one that is still as the caller has read it.
-- KEYS: attached, events, log
-- ARGV: event id, the event as it was read ('' for none), the event as it shall be, name of an event's field, what
--       `attached` must hold
-- Returns: 'not attached' | 'differs' | 'done'
if redis.call('GET', KEYS[1]) ~= ARGV[5] then
  return 'not attached'
end
if (redis.call('HGET', KEYS[2], ARGV[1]) or '') ~= ARGV[2] then
  return 'differs'
end
if ARGV[2] == ARGV[3] then
  return 'done'
end
-- If the stream is gone (deleted, evicted), Redis would start a new one at any id.
if redis.call('EXISTS', KEYS[3]) == 0 then
  return 'not attached'
end
append_record(KEYS[1], KEYS[2], KEYS[3], nil, false, ARGV[1], ARGV[4], ARGV[3])
return 'done'
