-- KEYS: attaching, attached, log   ARGV: the leader's token, the stream id above which the log goes on
-- Returns: 'superseded' | 'done'
-- A write that needs no memory first, so that a full Redis can be attached to.
redis.call('PERSIST', KEYS[1])
-- Refused by Redis where the last id is as high already, which is as good.
local added = redis.pcall('XADD', KEYS[3], ARGV[2], 'm1', '')
if type(added) ~= 'table' then
  redis.call('XDEL', KEYS[3], ARGV[2])
elseif not string.find(added.err, 'equal or smaller', 1, true) then
  return added
end
return 'done'
