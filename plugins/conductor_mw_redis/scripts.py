"""What Redis does in one go: Lua that reads, decides and writes while nobody else does.

A row is one string, `EXPIRES;VALUE`: the UTC second of its expiry (or nothing), and the bytes.
Redis counts in doubles, exact to 2^53, which is less than the nanoseconds since 1970. So sums are
bounded, and the time of a clock goes in two parts, whole seconds and nanoseconds below one.
"""

from __future__ import annotations

from typing import Final

_ROWS: Final = """
local function live(key, now)
  local row = redis.call('get', key)
  if not row then return nil end
  local at = string.find(row, ';', 1, true)
  local expires = string.sub(row, 1, at - 1)
  if expires ~= '' and tonumber(expires) <= tonumber(now) then return nil end
  return string.sub(row, at + 1)
end

local function keep(key, value, expires, lasts)
  local row = expires .. ';' .. value
  if lasts == '' then
    redis.call('set', key, row)
  else
    redis.call('set', key, row, 'px', lasts)
  end
end

local function whole(value)
  if value == nil or value == '' then return '0' end
  return string.match(value, '^%-?%d+$')
end
"""

SWAP: Final = (
    _ROWS
    + """
local now, absent, before, after, expires, lasts = unpack(ARGV)
local held = live(KEYS[1], now)
if absent == '1' then
  if held ~= nil then return 0 end
elseif held ~= before then
  return 0
end
keep(KEYS[1], after, expires, lasts)
return 1
"""
)
"""Gives 1 where it was swapped."""

ADD: Final = (
    _ROWS
    + """
local now, amount, largest, expires, lasts = unpack(ARGV)
local before = whole(live(KEYS[1], now))
if not before then return 'text' end
local sum = tonumber(before) + tonumber(amount)
if math.abs(sum) > tonumber(largest) then return 'beyond' end
local text = string.format('%.0f', sum)
keep(KEYS[1], text, expires, lasts)
return text
"""
)
"""Gives the sum, or why there is none."""

TAKE: Final = (
    _ROWS
    + """
local now, amount, most, expires, lasts = unpack(ARGV)
local before = whole(live(KEYS[1], now))
if not before then return 'text' end
before = tonumber(before)
local taken = math.min(tonumber(amount), tonumber(most) - before)
if taken <= 0 then return '0' end
keep(KEYS[1], string.format('%.0f', before + taken), expires, lasts)
return string.format('%.0f', taken)
"""
)
"""Gives how much was taken, or why nothing could be."""

ADVANCE: Final = (
    _ROWS
    + """
local billion = 1000000000
local now, second, nano, grace, longest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]),
  tonumber(ARGV[4]), tonumber(ARGV[5])

-- Times and durations are pairs; the second part stays within 0 and a second.
local function pair(s, n)
  local carried = math.floor(n / billion)
  return s + carried, n - carried * billion
end
local function less(s, n, os, on)
  return s < os or (s == os and n < on)
end

local clocks, order = {}, {}
local over_s, over_n = 0, 0
for i, key in ipairs(KEYS) do
  local at = 5 + (i - 1) * 5
  local sign = ARGV[at + 1]
  local cost_s, cost_n = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local burst_s, burst_n = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local s, n
  if clocks[key] then
    s, n = clocks[key][1], clocks[key][2]
  else
    local held = whole(live(key, now))
    if not held then return 'text' end
    s = tonumber(string.sub(held, 1, -10)) or 0
    n = tonumber(string.sub(held, -9))
  end
  if less(s, n, second, nano) then s, n = second, nano end
  s, n = pair(s + cost_s, n + cost_n)
  if sign == '-' then
    if less(s, n, second, nano) then s, n = second, nano end
  else
    local ahead_s, ahead_n = pair(s - second - burst_s, n - nano - burst_n)
    if less(over_s, over_n, ahead_s, ahead_n) then over_s, over_n = ahead_s, ahead_n end
  end
  if sign ~= '0' then
    if not clocks[key] then order[#order + 1] = key end
    clocks[key] = {s, n}
  end
end
if over_s == 0 and over_n == 0 then
  for _, key in ipairs(order) do
    local s, n = clocks[key][1], clocks[key][2]
    local text = string.format('%.0f', n)
    if s > 0 then text = string.format('%.0f%09.0f', s, n) end
    local lasts = math.min((s + 1 - second) * 1000 + grace, longest)
    keep(key, text, string.format('%.0f.0', s + 1), string.format('%.0f', lasts))
  end
end
return string.format('%.0f%09.0f', over_s, over_n)
"""
)
"""Gives the nanoseconds to wait, 0 where all were moved, or why none could be."""
