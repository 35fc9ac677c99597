-- KEYS: attached, log, trimmed
-- ARGV: the first stream id that stays, the one before it, name of the field for ballots, bytes of a ballot, the
-- leader's token
-- Returns: 'superseded' | 'done'
if redis.call('GET', KEYS[1]) ~= ARGV[5] then
  return 'superseded'
end
local newest = redis.call('XREVRANGE', KEYS[2], ARGV[2], '-', 'COUNT', 1)
if #newest > 0 then
  -- Exactly, so that `trimmed` is the last position that is gone and no ledger is told of a gap where nothing was.
  -- Redis drops whole nodes of the stream at once, so this is quick for millions. It needs no memory, so it
  -- runs, and helps, when there is none left.
  redis.call('XTRIM', KEYS[2], 'MINID', '=', ARGV[1])
  local last, name, value = newest[1][1], newest[1][2][1], newest[1][2][2]
  if name == ARGV[3] then
    -- The poll's id is before the ballots, behind its length.
    local count = (#value - 1 - (string.byte(value) or 0)) / ARGV[4]
    if count >= 1 and count == math.floor(count) then
      last = position_after(last, count - 1)
    end
  end
  redis.call('SET', KEYS[3], last)
end
return 'done'
