-- KEYS: attached, incarnation, log, trimmed, accepted   ARGV: the leader's token, the ledger's position
-- Returns: nil if this leader is not attached to this server | {the log's id, its state}
if redis.call('GET', KEYS[1]) ~= ARGV[1] or not is_server_of(ARGV[1]) then
  return false
end
local id = redis.call('GET', KEYS[2])
return id and { id, state_of(KEYS[3], KEYS[4], KEYS[5], ARGV[2]) }
