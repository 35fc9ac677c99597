-- Writes which installation the log belongs to. Keeps an existing installation or fingerprint.
-- KEYS: installation
-- ARGV: id, partitions, addresses, layout, the number of this partition, fingerprint ('' if the ledger knows none)
local known = redis.call('HGET', KEYS[1], 'id')
if known and known ~= ARGV[1] then
  return 'other'
end
local fingerprint = redis.call('HGET', KEYS[1], 'fingerprint')
if not fingerprint or fingerprint == '' then
  fingerprint = ARGV[6]
end
-- Starts with a write that needs no memory, so that a leader can attach to a full Redis.
redis.call('PERSIST', KEYS[1])
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'partitions', ARGV[2], 'addresses', ARGV[3], 'layout', ARGV[4],
  'partition', ARGV[5], 'fingerprint', fingerprint)
return 'done'
