-- Notes that a session of the organiser was ended, for as long as it would have lasted.
-- KEYS: the session   ARGV: milliseconds
-- Returns: 'done'
-- A write that needs no memory first, so that the organiser can sign out of a full Redis.
redis.call('PERSIST', KEYS[1])
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 'done'
