-- KEYS: attaching, attached, accepted   ARGV: the leader's token, ballots that were accepted and will never be counted
-- Returns: 'superseded' | 'done'
-- The first write needs no memory, so that a leader can attach to a full Redis.
redis.call('PERSIST', KEYS[3])
redis.call('HINCRBY', KEYS[3], '', ARGV[2])
return 'done'
