-- KEYS: attaching, attached, log, trimmed, incarnation
-- ARGV: the leader's token, the log's id, the stream id above which it goes on, trimmed
-- A stream's last id can be set only where there is a stream; an entry added and removed leaves just that.
redis.call('XADD', KEYS[3], ARGV[3], 'm1', '')
redis.call('XDEL', KEYS[3], ARGV[3])
redis.call('SET', KEYS[4], ARGV[4])
redis.call('SET', KEYS[5], ARGV[2])
return 'done'
