-- KEYS: attaching, attached, polls, accepted, then the voters of each poll
-- ARGV: the leader's token, then for each poll: its id, the poll, ballots accepted
for i = 5, #KEYS do
  redis.call('UNLINK', KEYS[i])
end
for i = 2, #ARGV, 3 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 2])
end
return 'done'
