-- Gives the log to a leader, even if another one has it. The log accepts no ballots until `open`.
-- KEYS: attaching, attached, incarnation, log, trimmed, accepted; id and beginning of older releases
-- ARGV: the leader, the log's id as its ledger knows it or a new one for a log that lost its id, the ledger's position,
-- the value that keeps workers of older releases from beginning a log
-- Returns: {'replica'} | {'claimed', the token, the previous token or '', 1 if this server was promoted since, the
-- log's id or '', its state}
local role, replid, replid_before = replication()
if role ~= 'master' then
  return { 'replica' }
end
local token = replid .. '/' .. ARGV[1]
local before = string.match(redis.call('GET', KEYS[2]) or '', '^%-?(.*)$')
-- The first write needs no memory, so that a leader can attach and trim even if there is no memory left.
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], token)
if before ~= '' then
  -- Not a valid token of any leader. If this leader stops half way, the next one can still read it.
  redis.call('SET', KEYS[2], '-' .. before)
end
local id = redis.call('GET', KEYS[3]) or redis.call('GET', KEYS[7])
if not id and redis.call('EXISTS', KEYS[4]) == 1 then
  -- A log never begins with a stream and without an id, so only the id was lost.
  id = ARGV[2]
end
if id then
  redis.call('SET', KEYS[3], id)
end
redis.call('DEL', KEYS[7])
redis.call('SET', KEYS[8], ARGV[4])
-- A server that was promoted has a previous id. It need not be the one in the token: a primary takes another id when
-- its first replica comes, and there may have been two promotions since.
local is_promoted = replid_before and not string.match(replid_before, '^0+$')
local promoted = is_promoted and before ~= '' and string.sub(before, 1, #replid + 1) ~= replid .. '/'
return { 'claimed', token, before, promoted and 1 or 0, id or '', state_of(KEYS[4], KEYS[5], KEYS[6], ARGV[3]) }
