-- KEYS: attaching, attached, log, polls, accepted, trimmed, events   ARGV: the leader's token
redis.call('UNLINK', KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
return 'done'
