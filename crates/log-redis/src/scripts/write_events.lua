-- KEYS: attaching, attached, events
-- ARGV: the leader's token, then for each event: its id, its version, the event
-- Starts with a write that needs no memory, so that a leader can attach to a full Redis.
redis.call('PERSIST', KEYS[3])
for i = 2, #ARGV, 3 do
  local known = redis.call('HGET', KEYS[3], ARGV[i])
  -- What the log has in a newer version is still to be counted.
  if not known or cjson.decode(known).version < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 2])
  end
end
return 'done'
