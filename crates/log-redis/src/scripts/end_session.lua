-- Records that an organiser's session was ended, for as long as the session would have lasted.
-- KEYS: the session   ARGV: milliseconds
-- Returns: 'done'
-- Starts with a write that needs no memory, so that the organiser can sign out even if Redis is full.
redis.call('PERSIST', KEYS[1])
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 'done'
