package remote

import "github.com/redis/go-redis/v9"

// Every script may run while the server is out of memory: what they store is small
// and what they guard must go on. Numbers in Lua are doubles, which hold
// microseconds since 1970 exactly and nanoseconds not.

// clock is the time of the server in µs and ms; it stands still within a script.
const clock = `
local time = redis.call('TIME')
local us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local ms = math.floor(us / 1000)
`

// fences gives the end of the longest open fence of an id in ms, nil if there is
// none, and forgets those that ran out.
const fences = `
local function fenced(key)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', ms)
  local top = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
  if top[2] then return tonumber(top[2]) end
end
-- The next number from n on that says whether a fence is open.
local function mark(n, fence)
  local odd = n % 2 == 1
  if fence then
    if odd then return n end
  elseif not odd then
    return n
  end
  return n + 1
end
`

// head makes a new epoch if the server has lost the old one. The registry of nodes
// is in it, so that they are lost together: a list that lacks a node would let a
// change be acknowledged too early. KEYS: head, log. ARGV[1]: a new token.
const head = `
local day = 86400000
local epoch, seq = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'seq'))
if not epoch or not seq then
  epoch, seq = ARGV[1], '0'
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', seq, 'born', string.format('%.0f', us))
end
local function keep()
  redis.call('PEXPIRE', KEYS[1], day)
  redis.call('PEXPIRE', KEYS[2], day)
end
-- The nodes whose registration has not run out.
local function live()
  local all, nodes = redis.call('HGETALL', KEYS[1]), {}
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 'n|' then
      if tonumber(all[i + 1]) > ms then
        nodes[#nodes + 1] = string.sub(all[i], 3)
      else
        redis.call('HDEL', KEYS[1], all[i], 'k|' .. string.sub(all[i], 3))
      end
    end
  end
  return nodes
end
-- In a Cluster the client cannot know which server a command went to.
local function server(wanted)
  if wanted == '1' then
    return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
  end
  return ''
end
`

// ensure: KEYS are n versions, then their n fences; ARGV the time to live in ms.
var ensure = redis.NewScript(`#!lua flags=allow-oom
` + clock + fences + `
local n = #KEYS / 2
local all = {}
for i = 1, n do
  local v = redis.call('GET', KEYS[i])
  if not v then
    local fence = fenced(KEYS[n + i])
    v = string.format('%.0f', mark(us, fence))
    local ttl = fence and math.max(1, math.ceil(fence - ms)) or ARGV[1]
    redis.call('SET', KEYS[i], v, 'PX', ttl)
  end
  all[i] = v
end
return all
`)

// renew: KEYS head, log, a version to retain; ARGV token, node, hold in ms, whether
// to name the server, mark.
var renew = redis.NewScript(`#!lua flags=allow-oom
` + clock + head + `
redis.call('HSET', KEYS[1], 'n|' .. ARGV[2], string.format('%.0f', ms + tonumber(ARGV[3])), 'k|' .. ARGV[2], ARGV[5])
keep()
redis.call('PEXPIRE', KEYS[3], day)
local nodes, others = live(), 0
for _, node in ipairs(nodes) do
  if redis.call('HGET', KEYS[1], 'k|' .. node) ~= ARGV[5] then others = others + 1 end
end
return {epoch, seq, server(ARGV[4]), string.format('%.0f', us), #nodes, others, redis.call('HGET', KEYS[1], 'born') or '0'}
`)

// bump: KEYS head, log, the grave of the fence, n versions, n fences; ARGV token,
// node, whether to
// name the server, channel, nonce, fence, ms for which it opens, ms a version is
// kept, µs until which it may happen or 0, whether to bury the fence, n ids.
var bump = redis.NewScript(`#!lua flags=allow-oom
` + clock + fences + head + `
local n = (#KEYS - 3) / 2
local fence, opens, ttl, before = ARGV[6], tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])
if before > 0 and us > before or opens > 0 and redis.call('EXISTS', KEYS[3]) == 1 then return redis.error_reply('LATE this change was given up') end
local versions, pairs = {}, {}
for i = 1, n do
  local vkey, fkey = KEYS[3 + i], KEYS[3 + n + i]
  if opens > 0 then
    redis.call('ZADD', fkey, ms + opens, fence)
  elseif opens < 0 then
    redis.call('ZREM', fkey, fence)
  end
  local top = fenced(fkey)
  if top then redis.call('PEXPIRE', fkey, math.max(1, math.ceil(top - ms))) end
  local old = redis.call('GET', vkey)
  local v = string.format('%.0f', mark(math.max((tonumber(old or '0') or 0) + 1, us), top))
  if top then
    redis.call('SET', vkey, v, 'PX', math.max(1, math.ceil(top - ms)))
  elseif old then
    redis.call('SET', vkey, v, 'PX', ttl)
  end
  versions[i] = v
  pairs[i] = ARGV[10 + i] .. ':' .. v
end
seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
local message = epoch .. '|' .. string.format('%.0f', seq) .. '|' .. ARGV[2] .. '|' .. ARGV[5] .. '|' .. table.concat(pairs, ',')
local id = string.format('%.0f-1', seq)
local added = redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', 10000, id, 'm', message)
if type(added) == 'table' and added.err then
  -- The log is ahead of the head or no log: it tells nothing that can be trusted.
  redis.call('DEL', KEYS[2])
  redis.call('XADD', KEYS[2], id, 'm', message)
end
redis.call('PUBLISH', ARGV[4], message)
if ARGV[10] == '1' then redis.call('SET', KEYS[3], '', 'PX', 60000) end
keep()
return {epoch, string.format('%.0f', seq), server(ARGV[3]), versions, live()}
`)

// since: KEYS head, log; ARGV the sequence number to read after, how many.
var since = redis.NewScript(`#!lua flags=allow-oom,no-writes
local epoch, seq = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'seq'))
if not epoch or not seq then return {'', '0', {}} end
local messages = {}
for i, entry in ipairs(redis.call('XRANGE', KEYS[2], '(' .. ARGV[1] .. '-1', '+', 'COUNT', ARGV[2])) do
  messages[i] = entry[2][2]
end
return {epoch, seq, messages}
`)

// release: KEYS the lease; ARGV the token of its holder.
var release = redis.NewScript(`#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)
