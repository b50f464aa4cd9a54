"""What is done in Redis in one step each, as Lua.

Of each record there are three keys, whose braces put them into one slot of a cluster:

    oauth_auth:{ID}          a hash: the sealed record, and its version in plain
    oauth_auth:{ID}:beside   a hash: mark and journal, sealed; `sender`, who may have
                             sent a refresh token, and `until`, when that must be over
    oauth_auth:{ID}:lease    who holds the record; expires by itself

And, but for clusters, where a script's keys lie in one slot:

    oauth_auth:claims        a hash: each record's newest claim, and the record's id

All times are Redis's own, in milliseconds.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

__all__ = [
    "FREE",
    "HOLD",
    "MARK",
    "READ",
    "REPLACE",
    "REPLACE_FIELD",
    "RESERVE",
    "SAVE",
    "STILL_HELD",
    "Script",
]


class Script(NamedTuple):
    """A script, and the name by which Redis knows it."""

    text: str
    sha: str


def _script(*parts: str) -> Script:
    text = "\n".join(parts)
    # Not for safety: it is how Redis names scripts.
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


#: ARGV[1] is the worker everywhere.
_HOLD: Final = """
local record, beside, lease, me = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function sent_by_another()
  local found = redis.call('HMGET', beside, 'sender', 'until')
  return found[1] and found[1] ~= me and tonumber(found[2]) > now()
end
local function hold(milliseconds)
  local owner = redis.call('GET', lease)
  if owner and owner ~= me then return false end
  if not owner and sent_by_another() then return false end
  if not owner or redis.call('PTTL', lease) < milliseconds then
    redis.call('SET', lease, me, 'PX', milliseconds)
  end
  return true
end
local function sent_nothing()
  if redis.call('HGET', beside, 'sender') == me then
    redis.call('HDEL', beside, 'sender', 'until')
  end
end
local function is(lineage, generation)
  local found = redis.call('HMGET', record, 'lineage', 'generation')
  return (found[1] or '') == lineage and (found[2] or '0') == generation
end
"""

#: Milliseconds -> whether the record is held.
HOLD: Final = _script(_HOLD, "return hold(tonumber(ARGV[2])) and 1 or 0")

#: Lineage, generation, milliseconds -> whether it is held, and is that one.
STILL_HELD: Final = _script(
    _HOLD, "return is(ARGV[2], ARGV[3]) and hold(tonumber(ARGV[4])) and 1 or 0"
)

#: Lineage, generation, milliseconds, journal -> whether it is held, and is that one.
RESERVE: Final = _script(
    _HOLD,
    """
local milliseconds = tonumber(ARGV[4])
if not is(ARGV[2], ARGV[3]) or not hold(milliseconds) then return 0 end
local ends = string.format('%.0f', now() + milliseconds)
redis.call('HSET', beside, 'journal', ARGV[5], 'sender', me, 'until', ends)
return 1
""",
)

#: Lineage, generation, sealed, what tells this save from others; whether it is known
#: what was there, that lineage and generation; whether to keep a damaged record aside;
#: the record's newest claim, its id -> whether it was older.
SAVE: Final = _script(
    _HOLD,
    """
local generation, writing = tonumber(ARGV[3]), ARGV[5]
-- Where memory is short Redis refuses a script's first write only, and never this one:
-- an answer for which a refresh token was spent must not be lost for that.
redis.call('HDEL', beside, 'mark')
local found = redis.call('HMGET', record, 'lineage', 'generation', 'writing', 'sealed',
                         'claim')
local there = tonumber(found[2] or '0') or 0
if there == generation and found[3] == writing then return 1 end
if there >= generation then return 0 end
if ARGV[6] == '1' and there > 0 then
  if found[1] ~= ARGV[7] or there > tonumber(ARGV[8]) then return 0 end
end
if ARGV[9] == '1' and found[4] then
  redis.call('HSET', record, 'damaged', found[4])
end
redis.call('HSET', record, 'lineage', ARGV[2], 'generation', ARGV[3],
           'sealed', ARGV[4], 'writing', writing, 'claim', ARGV[10])
if KEYS[4] then
  if found[5] and found[5] ~= '' then redis.call('HDEL', KEYS[4], found[5]) end
  if ARGV[10] ~= '' then redis.call('HSET', KEYS[4], ARGV[10], ARGV[11]) end
end
redis.call('HDEL', beside, 'journal')
sent_nothing()
return 1
""",
)

#: Milliseconds, a mark or "", whether it ends the journal -> whether it is held.
MARK: Final = _script(
    _HOLD,
    """
if redis.call('GET', lease) ~= me then return 0 end
if ARGV[4] == '1' then
  redis.call('HDEL', beside, 'journal')
  sent_nothing()
end
if ARGV[3] == '' then
  redis.call('HDEL', beside, 'mark')
else
  redis.call('HSET', beside, 'mark', ARGV[3])
end
return 1
""",
)

#: Whoever ends its turn sends nothing any more, even if its lease has lapsed.
FREE: Final = _script(
    _HOLD,
    """
sent_nothing()
if redis.call('GET', lease) == me then redis.call('DEL', lease) end
return 1
""",
)

#: -> lineage, generation, sealed, mark, journal.
READ: Final = _script(
    """
local found = redis.call('HMGET', KEYS[1], 'lineage', 'generation', 'sealed')
local beside = redis.call('HMGET', KEYS[2], 'mark', 'journal')
return {found[1], found[2], found[3], beside[1], beside[2]}
"""
)

#: A value that is there, another -> whether it was there.
REPLACE: Final = _script(
    """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
)

#: The same for a field of a hash, which comes last.
REPLACE_FIELD: Final = _script(
    """
if redis.call('HGET', KEYS[1], ARGV[3]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[2])
return 1
"""
)
