-- KEYS: id, beginning, voters of the poll
-- ARGV: mark, expiry, then for each voter: their 16 bytes, the stream id of their ballot
for i = 3, #ARGV, 2 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
end
return 'go on'
