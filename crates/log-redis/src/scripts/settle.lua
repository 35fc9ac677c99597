-- KEYS: attaching, attached, accepted
-- ARGV: the leader's token, '1' for the first step, which deletes the old values; then field and value in turn
-- Returns: 'superseded' | 'done'
-- Not while the log accepts ballots: their numbers would be lost.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 'superseded'
end
if ARGV[2] == '1' then
  redis.call('DEL', KEYS[3])
end
for i = 3, #ARGV, 2 do
  -- The first write needs no memory, so that the others succeed even if there is none left.
  redis.call('HDEL', KEYS[3], ARGV[i])
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
end
return 'done'
