-- Takes over a poll from another partition, if it is newer than this partition's copy.
-- KEYS: attached (or attaching, for a leader that attaches), polls, log, voters of the poll
-- ARGV: poll id, the poll, its version, its round, its revision, name of a poll's field, what the first key must hold
-- Returns: {'not attached'} | {'done'} | {'held', the copy}, if that is newer or differs in the same version
if redis.call('GET', KEYS[1]) ~= ARGV[7] then
  return { 'not attached' }
end
local known = redis.call('HGET', KEYS[2], ARGV[1])
if known == ARGV[2] then
  return { 'done' }
end
local forget = true
if known then
  local held = cjson.decode(known)
  if (held.version or 1) >= tonumber(ARGV[3]) then
    return { 'held', known }
  end
  forget = held.round ~= tonumber(ARGV[4]) or (held.revision or 1) ~= tonumber(ARGV[5])
end
-- If the stream is gone (deleted, evicted), Redis would start a new one at any id.
if redis.call('EXISTS', KEYS[3]) == 0 then
  return { 'not attached' }
end
append_record(KEYS[1], KEYS[2], KEYS[3], KEYS[4], forget, ARGV[1], ARGV[6], ARGV[2])
return { 'done' }
