-- Writes the fingerprint of the installation's key: replaces the existing one, or only adds a missing one.
-- KEYS: installation   ARGV: fingerprint, '1' to replace an existing one
-- Returns: 'not begun' | 'done'
local known = redis.call('HGET', KEYS[1], 'fingerprint')
if not known then
  return 'not begun'
end
if known == '' or ARGV[2] == '1' then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1])
end
return 'done'
