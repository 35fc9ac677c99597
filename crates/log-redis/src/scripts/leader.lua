-- Prefix of every step of a leader: checks that the leader still owns the log.
-- KEYS: attaching, attached, …   ARGV: the leader's token, …
if redis.call('GET', KEYS[1]) ~= ARGV[1] and redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 'superseded'
end

