-- KEYS: id, trimmed, log
-- Returns: nil if the log has not begun | {its id, trimmed, the last stream id}
local id = redis.call('GET', KEYS[1])
if not id then
  return false
end
local last = '0-0'
if redis.call('EXISTS', KEYS[3]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[3])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      last = info[i + 1]
    end
  end
end
return { id, redis.call('GET', KEYS[2]) or '0-0', last }
