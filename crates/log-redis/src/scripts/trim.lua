-- KEYS: attached, log, trimmed
-- ARGV: the first stream id to keep, the one before it, name of the field for ballots, bytes per ballot, the leader's
-- token
-- Returns: 'superseded' | 'done'
if redis.call('GET', KEYS[1]) ~= ARGV[5] then
  return 'superseded'
end
local newest = redis.call('XREVRANGE', KEYS[2], ARGV[2], '-', 'COUNT', 1)
if #newest > 0 then
  -- Trims exactly, so that `trimmed` is the last position removed and no ledger sees a gap where there was no entry.
  -- Redis removes whole nodes of the stream at once, so this is quick even for millions of entries. It needs no memory,
  -- so it works, and helps, when there is none left.
  redis.call('XTRIM', KEYS[2], 'MINID', '=', ARGV[1])
  local last, name, value = newest[1][1], newest[1][2][1], newest[1][2][2]
  if name == ARGV[3] then
    -- The ballots come after the length-prefixed poll id.
    local count = (#value - 1 - (string.byte(value) or 0)) / ARGV[4]
    if count >= 1 and count == math.floor(count) then
      last = position_after(last, count - 1)
    end
  end
  redis.call('SET', KEYS[3], last)
end
return 'done'
