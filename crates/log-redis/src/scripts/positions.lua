-- Positions in the stream. Ballots of one call are one entry. Its id is the position of the first ballot; the others
-- have the positions that follow, which no other entry gets.

local function millis_and_sequence(id)
  local millis, sequence = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(millis), tonumber(sequence)
end

-- The position whose sequence is higher by `further`, in the same millisecond.
local function position_after(id, further)
  local millis, sequence = millis_and_sequence(id)
  return string.format('%.0f-%.0f', millis, sequence + further)
end

-- Makes the stream continue after the `count` positions of the entry that was just added at `id`.
--
-- It also keeps the sequence within the 20 bits that a position has for it. While the clock is behind the last id (it
-- was set back, or the ledger is ahead), Redis keeps incrementing the sequence. Past half of the range, the stream
-- continues in the next millisecond. One call needs far fewer positions than the other half.
local function take_positions(log, id, count)
  local millis, sequence = millis_and_sequence(id)
  if sequence + count > 524288 then
    redis.call('XSETID', log, string.format('%.0f-0', millis + 1))
  elseif count > 1 then
    redis.call('XSETID', log, position_after(id, count - 1))
  end
end

