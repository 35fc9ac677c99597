-- KEYS: attaching, attached, voters of the poll
-- ARGV: the leader's token, then for each voter: their 16 bytes, the stream id of their ballot
-- A write that needs no memory first, so that a full Redis can be attached to.
redis.call('PERSIST', KEYS[3])
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
end
return 'done'
