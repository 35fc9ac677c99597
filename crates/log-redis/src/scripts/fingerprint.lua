-- Writes the fingerprint of the installation's key: over whatever is there, or only where there is none.
-- KEYS: installation   ARGV: fingerprint, '1' if one that is there is replaced
-- Returns: 'not begun' | 'done'
local known = redis.call('HGET', KEYS[1], 'fingerprint')
if not known then
  return 'not begun'
end
if known == '' or ARGV[2] == '1' then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1])
end
return 'done'
