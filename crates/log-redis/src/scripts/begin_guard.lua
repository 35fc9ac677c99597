-- Every later step: is this still ours to do?
-- KEYS: id, beginning, …   ARGV: mark, milliseconds until it expires, …
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 'begun'
end
local mark = redis.call('GET', KEYS[2])
if not mark then
  return 'lost'
end
if mark ~= ARGV[1] then
  return 'superseded'
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])

