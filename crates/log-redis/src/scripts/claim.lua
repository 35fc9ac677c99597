-- Gives the log to a leader, also from another one. It takes no ballots until `open`.
-- KEYS: attaching, attached, incarnation, log, trimmed, accepted; id and beginning of older releases
-- ARGV: the leader, the log's id as its ledger knows it or one for a log that lost it, the ledger's position, what
-- keeps workers of older releases from beginning a log
-- Returns: {'replica'} | {'claimed', the token, the token before or '', 1 if this server was a replica of the one in
-- it, the log's id or '', its state}
local role, replid, replid_before = replication()
if role ~= 'master' then
  return { 'replica' }
end
local token = replid .. '/' .. ARGV[1]
local before = string.match(redis.call('GET', KEYS[2]) or '', '^%-?(.*)$')
-- The first write needs no memory, so that a leader attaches, and trims, also where there is none left.
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], token)
if before ~= '' then
  -- Nobody's token, and known to who claims the log next, should this leader stop half way.
  redis.call('SET', KEYS[2], '-' .. before)
end
local id = redis.call('GET', KEYS[3]) or redis.call('GET', KEYS[7])
if not id and redis.call('EXISTS', KEYS[4]) == 1 then
  -- No beginning leaves a stream without an id, so the id alone was lost.
  id = ARGV[2]
end
if id then
  redis.call('SET', KEYS[3], id)
end
redis.call('DEL', KEYS[7])
redis.call('SET', KEYS[8], ARGV[4])
local promoted = replid_before and string.sub(before, 1, #replid_before + 1) == replid_before .. '/'
return { 'claimed', token, before, promoted and 1 or 0, id or '', state_of(KEYS[4], KEYS[5], KEYS[6], ARGV[3]) }
