-- What this Redis' clock shows, in milliseconds since 1970.
local function clock_millis()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

