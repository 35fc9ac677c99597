-- Writes which installation the log belongs to. A known installation or fingerprint stays.
-- KEYS: installation
-- ARGV: id, partitions, addresses, layout, which partition this is, fingerprint ('' where the ledger knows none)
local known = redis.call('HGET', KEYS[1], 'id')
if known and known ~= ARGV[1] then
  return 'other'
end
local fingerprint = redis.call('HGET', KEYS[1], 'fingerprint')
if not fingerprint or fingerprint == '' then
  fingerprint = ARGV[6]
end
-- A write that needs no memory first, so that a full Redis can be attached to.
redis.call('PERSIST', KEYS[1])
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'partitions', ARGV[2], 'addresses', ARGV[3], 'layout', ARGV[4],
  'partition', ARGV[5], 'fingerprint', fingerprint)
return 'done'
