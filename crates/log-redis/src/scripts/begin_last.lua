-- KEYS: id, beginning, log, trimmed
-- ARGV: mark, expiry, the log's id, the stream id above which it goes on, trimmed
-- A stream's last id can be set only where there is a stream; an entry added and removed leaves just that.
redis.call('XADD', KEYS[3], ARGV[4], 'm1', '')
redis.call('XDEL', KEYS[3], ARGV[4])
redis.call('SET', KEYS[4], ARGV[5])
redis.call('SET', KEYS[1], ARGV[3])
redis.call('UNLINK', KEYS[2])
return 'go on'
