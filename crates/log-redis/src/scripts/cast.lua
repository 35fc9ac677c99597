-- Casts ballots for one poll, in their order, as one entry of the log.
-- KEYS: attached, polls, log, accepted, voters of the poll
-- ARGV: poll id, name of the field for ballots, start of its value, bytes per ballot, bytes of the voter at the start
-- of each ballot, the last millisecond (of this Redis' clock) at which they may be cast, the revision of the poll that
-- their voters were shown, the concatenated ballots, the most voters that may be stored for one poll ('0': no limit),
-- the expected value of `attached`
-- Returns: {word, millisecond of this Redis' clock}; the word is 'too late', 'not attached', 'unknown poll', 'waiting',
-- 'closed', 'rewritten' or 'full'. Or {'cast', millisecond, position, fates}: the position of the first ballot taken
-- ('' for none), which the other ballots taken follow; and for each ballot, separated by spaces, '+' if it was taken,
-- or '=' and the position of its voter's earlier ballot. If all were taken, fates is ''.
-- A call may be delayed (a stopped Redis, a slow network). Its voters are then told that the outcome is unknown and may
-- vote again; the older ballot must not come after the newer one.
local now = clock_millis()
if now > tonumber(ARGV[6]) then
  return { 'too late', now }
end
if redis.call('GET', KEYS[1]) ~= ARGV[10] then
  return { 'not attached', now }
end
local json = redis.call('HGET', KEYS[2], ARGV[1])
if not json then
  return { 'unknown poll', now }
end
local poll = cjson.decode(json)
if poll.state ~= 'open' then
  return { poll.state, now }
end
-- Its countdown has ended. The record that says so comes from the leader of the poll's home.
if poll.closes_at and now >= poll.closes_at then
  return { 'closed', now }
end
-- The choices and the voters' identities were checked against that revision. Polls of the first releases have none.
if (poll.revision or 1) ~= tonumber(ARGV[7]) then
  return { 'rewritten', now }
end

local bytes, ballots = tonumber(ARGV[4]), ARGV[8]
local count = #ballots / bytes
-- If nobody may vote twice: the voters whose ballots are taken, and the outcome of each ballot.
local voters, fates = {}, {}
if not poll.changes then
  local asked, taken, nth = {}, {}, {}
  for i = 1, count do
    asked[i] = string.sub(ballots, (i - 1) * bytes + 1, (i - 1) * bytes + ARGV[5])
  end
  local known = redis.call('HMGET', KEYS[5], unpack(asked))
  for i, voter in ipairs(asked) do
    if known[i] then
      fates[i] = '=' .. known[i]
    elseif nth[voter] then
      -- Twice in one call; the position of the first ballot is known only below.
      fates[i] = nth[voter]
    else
      voters[#voters + 1] = voter
      taken[#voters] = string.sub(ballots, (i - 1) * bytes + 1, i * bytes)
      nth[voter] = #voters
      fates[i] = '+'
    end
  end
  count, ballots = #voters, table.concat(taken)
  if count == 0 then
    return { 'cast', now, '', table.concat(fates, ' ') }
  end
  -- One poll must not use up the memory of the others.
  local most = tonumber(ARGV[9])
  if most > 0 and redis.call('HLEN', KEYS[5]) + count > most then
    return { 'full', now }
  end
end

-- If the stream is gone (deleted, evicted), Redis would start a new one at any id.
local position = redis.call('XADD', KEYS[3], 'NOMKSTREAM', '*', ARGV[2], ARGV[3] .. ballots)
if not position then
  return { 'not attached', now }
end
take_positions(KEYS[3], position, count)
redis.call('HINCRBY', KEYS[4], ARGV[1], count)
if not poll.changes then
  local cast = {}
  for i, voter in ipairs(voters) do
    cast[2 * i - 1], cast[2 * i] = voter, position_after(position, i - 1)
  end
  redis.call('HSET', KEYS[5], unpack(cast))
  for i, fate in ipairs(fates) do
    if type(fate) == 'number' then
      fates[i] = '=' .. position_after(position, fate - 1)
    end
  end
end
return { 'cast', now, position, table.concat(fates, ' ') }
