-- KEYS: attaching, attached, log, trimmed, incarnation
-- ARGV: the leader's token, the log's id, the stream id after which it continues, trimmed
-- Only an existing stream can have its last id set; adding and removing an entry leaves an empty stream.
redis.call('XADD', KEYS[3], ARGV[3], 'm1', '')
redis.call('XDEL', KEYS[3], ARGV[3])
redis.call('SET', KEYS[4], ARGV[4])
redis.call('SET', KEYS[5], ARGV[2])
return 'done'
