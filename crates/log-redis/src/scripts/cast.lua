-- Casts ballots for one poll, one after another.
-- KEYS: id, polls, log, accepted, voters of the poll
-- ARGV: poll id, name of a ballot's field, bytes of a voter at the start of a ballot, the last millisecond (of this
-- Redis' clock) at which they may be cast, the access by which their voters were told apart, then the ballots
-- Returns: {'too late'} | {'not begun'} | {'unknown poll'} | {'waiting'} | {'closed'} | {'rewritten'} | {'cast', places}; the places of the
-- ballots in one string, between spaces: a stream id; '=' and the stream id of the ballot that already was there; or
-- '!' where the choices don't fit the poll, which was rewritten since the voter's page was made.
-- A call that was held up (a stopped Redis, a slow network) and whose voters were told that the outcome is not known
-- must not overtake the ballot that a voter has cast again since.
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[4]) then
  return { 'too late' }
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  return { 'not begun' }
end
local json = redis.call('HGET', KEYS[2], ARGV[1])
if not json then
  return { 'unknown poll' }
end
local poll = cjson.decode(json)
if poll.state ~= 'open' then
  return { poll.state }
end
-- A ballot of whoever came along has no place in a poll that asks for codes by now, nor the other way round.
if poll.access ~= ARGV[5] then
  return { 'rewritten' }
end

-- Whether the choices, a bit set, are of options that the poll has, and not too many.
local none_of_ours, at_most = 2 ^ #poll.options, poll.max_choices
local function fits(choices)
  if choices == 0 or choices >= none_of_ours then
    return false
  end
  local chosen = 0
  while choices ~= 0 do
    choices, chosen = bit.band(choices, choices - 1), chosen + 1
  end
  return chosen <= at_most
end

local places, added, last = {}, 0, nil
for i = 6, #ARGV do
  local voter = not poll.changes and string.sub(ARGV[i], 1, ARGV[3])
  local known = voter and redis.call('HGET', KEYS[5], voter)
  if not fits(struct.unpack('>I4', ARGV[i], ARGV[3] + 1)) then
    places[#places + 1] = '!'
  elseif known then
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
return { 'cast', table.concat(places, ' ') }
