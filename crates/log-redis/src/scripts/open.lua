-- KEYS: attaching, attached, log   ARGV: the leader's token
-- Returns: 'superseded' | 'done'
if not is_server_of(ARGV[1]) or redis.call('EXISTS', KEYS[3]) == 0 then
  return 'superseded'
end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[1])
return 'done'
