-- Keeps the sequence of stream ids within the 20 bits that a position has for it. While the clock is behind
-- the last id (it was set back, or the ledger is ahead), Redis counts the sequence up and up; past half of
-- what there is, we go on in the next millisecond. One call adds far fewer entries than the other half.
local function leave_room(log, id)
  local millis, sequence = string.match(id, '^(%d+)-(%d+)$')
  if tonumber(sequence) >= 524288 then
    redis.call('XSETID', log, string.format('%.0f-0', tonumber(millis) + 1))
  end
end

