-- KEYS: id, log, trimmed   ARGV: the first stream id that stays, the one before it
-- Returns: 'not begun' | 'done'
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 'not begun'
end
local newest = redis.call('XREVRANGE', KEYS[2], ARGV[2], '-', 'COUNT', 1)
if #newest > 0 then
  -- Exactly, so that `trimmed` is the last entry that is gone and no ledger is told of a gap where nothing was.
  -- Redis drops whole nodes of the stream at once, so this is quick for millions. It needs no memory, so it
  -- runs, and helps, when there is none left.
  redis.call('XTRIM', KEYS[2], 'MINID', '=', ARGV[1])
  redis.call('SET', KEYS[3], newest[1][1])
end
return 'done'
