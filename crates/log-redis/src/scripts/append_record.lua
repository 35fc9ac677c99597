-- Appends a poll or an event to the log, and stores it. Needs the prefix `positions.lua`.

-- Starts with a write that needs no memory, and with one that frees memory if possible. Redis then allows all later
-- writes, however full it is. Closing, hiding or resetting a poll must always succeed.
-- `guard` is a key that exists; `voters` is forgotten if `forget`; `stored` is the hash of polls or of events, and
-- `field` the name of their field in the log.
local function append_record(guard, stored, log, voters, forget, id, field, json)
  if forget then
    redis.call('UNLINK', voters)
  else
    redis.call('PERSIST', guard)
  end
  local position = redis.call('XADD', log, '*', field, json)
  redis.call('HSET', stored, id, json)
  take_positions(log, position, 1)
end

