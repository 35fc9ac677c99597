-- KEYS: attaching, attached, log   ARGV: the leader's token, the stream id above which the log goes on
-- Returns: 'superseded' | 'done'
-- Starts with a write that needs no memory, so that a leader can attach to a full Redis.
redis.call('PERSIST', KEYS[1])
-- Redis refuses this if the last id is already as high, which is fine too.
local added = redis.pcall('XADD', KEYS[3], ARGV[2], 'm1', '')
if type(added) ~= 'table' then
  redis.call('XDEL', KEYS[3], ARGV[2])
elseif not string.find(added.err, 'equal or smaller', 1, true) then
  return added
end
return 'done'
