-- Casts ballots for one poll, one after another.
-- KEYS: id, polls, log, accepted, voters of the poll
-- ARGV: poll id, name of a ballot's field, bytes of a voter at the start of a ballot, the last millisecond (of this
-- Redis' clock) at which they may be cast, the revision of the poll that their voters were shown, then the ballots
-- Returns: {word, millisecond of this Redis' clock}; the word is 'too late', 'not begun', 'unknown poll', 'waiting', 'closed' or
-- 'rewritten'; or {'cast', millisecond, places}: the places of the ballots in one string, between spaces: a stream id, or '='
-- and the stream id of the ballot that already was there.
-- A call that was held up (a stopped Redis, a slow network) and whose voters were told that the outcome is not known
-- must not overtake the ballot that a voter has cast again since.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[4]) then
  return { 'too late', now }
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  return { 'not begun', now }
end
local json = redis.call('HGET', KEYS[2], ARGV[1])
if not json then
  return { 'unknown poll', now }
end
local poll = cjson.decode(json)
if poll.state ~= 'open' then
  return { poll.state, now }
end
-- What the voters chose, and how they were told apart, was checked against that revision. Polls of the first releases
-- have none.
if (poll.revision or 1) ~= tonumber(ARGV[5]) then
  return { 'rewritten', now }
end

local places, added, last = {}, 0, nil
for i = 6, #ARGV do
  local voter = not poll.changes and string.sub(ARGV[i], 1, ARGV[3])
  local known = voter and redis.call('HGET', KEYS[5], voter)
  if known then
    places[#places + 1] = '=' .. known
  else
    last = redis.call('XADD', KEYS[3], '*', ARGV[2], ARGV[i])
    if voter then
      redis.call('HSET', KEYS[5], voter, last)
    end
    added = added + 1
    places[#places + 1] = last
  end
end
if added > 0 then
  redis.call('HINCRBY', KEYS[4], ARGV[1], added)
  leave_room(KEYS[3], last)
end
return { 'cast', now, table.concat(places, ' ') }
