-- Whoever is setting up the log holds the key `beginning` with a mark of theirs, which starts with the ledger's
-- position in 19 digits. One whose ledger is further takes it over; one whose ledger is behind has lost the lead.
-- KEYS: id, beginning, log, polls, accepted, trimmed   ARGV: mark, milliseconds until it expires
-- Returns: 'begun' | 'superseded' | 'go on'
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 'begun'
end
local other = redis.call('GET', KEYS[2])
if other and string.sub(other, 1, 19) > string.sub(ARGV[1], 1, 19) then
  return 'superseded'
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('UNLINK', KEYS[3], KEYS[4], KEYS[5], KEYS[6])
return 'go on'
