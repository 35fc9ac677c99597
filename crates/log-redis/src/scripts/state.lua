-- The state of a server and a log.

-- Identifies this server: its role; its replication id, which is new at every start and at every promotion; and its
-- previous replication id, if it was promoted.
local function replication()
  local info = redis.call('INFO', 'replication')
  local function field(name, form)
    return string.match(info, name .. ':(' .. form .. ')')
  end
  return field('role', '%a+'), field('master_replid', '%x+'), field('master_replid2', '%x+')
end

-- Whether this server is the one in the token `replid/leader`, and accepts writes.
local function is_server_of(token)
  local role, replid = replication()
  return role == 'master' and string.sub(token, 1, #replid + 1) == replid .. '/'
end

-- The stream's last id; '' if there is no stream.
local function last_id(log)
  if redis.call('EXISTS', log) == 0 then
    return ''
  end
  local info = redis.call('XINFO', 'STREAM', log)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      return info[i + 1]
    end
  end
end

-- {trimmed, the last id, ballots accepted, 1 if there are entries after `position`, millisecond of this Redis' clock}
local function state_of(log, trimmed, accepted, position)
  local last, ballots, unread = last_id(log), 0, 0
  for _, count in ipairs(redis.call('HVALS', accepted)) do
    ballots = ballots + tonumber(count)
  end
  if last ~= '' then
    unread = #redis.call('XRANGE', log, '(' .. position, '+', 'COUNT', 1)
  end
  return { redis.call('GET', trimmed) or '0-0', last, string.format('%.0f', ballots), unread, clock_millis() }
end

