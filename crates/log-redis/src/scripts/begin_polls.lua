-- KEYS: id, beginning, polls, accepted, then the voters of each poll
-- ARGV: mark, expiry, then for each poll: its id, the poll, ballots accepted
for i = 3, #ARGV, 3 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 2])
end
for i = 5, #KEYS do
  redis.call('UNLINK', KEYS[i])
end
return 'go on'
