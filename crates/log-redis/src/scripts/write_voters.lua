-- KEYS: attaching, attached, voters of the poll
-- ARGV: the leader's token, then for each voter: their 16 bytes, the stream id of their ballot
-- Starts with a write that needs no memory, so that a leader can attach to a full Redis.
redis.call('PERSIST', KEYS[3])
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
end
return 'done'
