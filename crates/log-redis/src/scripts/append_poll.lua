-- Appends a poll to the log, and stores it. Needs the prefix `positions.lua`.

-- Starts with a write that needs no memory, and with one that frees memory if possible. Redis then allows all later
-- writes, however full it is. Closing, hiding or resetting a poll must always succeed.
-- `guard` is a key that exists; `voters` is forgotten if `forget`; `field` is the name of a poll's field.
local function append_poll(guard, polls, log, voters, forget, id, field, json)
  if forget then
    redis.call('UNLINK', voters)
  else
    redis.call('PERSIST', guard)
  end
  local position = redis.call('XADD', log, '*', field, json)
  redis.call('HSET', polls, id, json)
  take_positions(log, position, 1)
end

