-- SPDX-License-Identifier: Apache-2.0
-- W5: nine reads (seven of W1, two of W2) to one create of W3, in random order.
require "report"
local requests, at = {}, 0

local function read_one()
  return wrk.format("GET", "/api/v1/markets/" .. math.random(1, 100000))
end

local function list()
  return wrk.format("GET", "/api/v1/markets?status=active&sort=-created_at&limit=20&count=none")
end

local function create()
  local body = string.format('{"name":"Will event %d resolve to yes before the deadline?","status":"active","volume":"%d.50"}',
    math.random(1, 1000000), math.random(0, 999999))
  return wrk.format("POST", "/api/v1/markets", {["Content-Type"] = "application/json"}, body)
end

local makers = {read_one, read_one, read_one, read_one, read_one, read_one, read_one, list, list, create}

function init()
  math.randomseed(13)
  for i = 1, 20000 do
    requests[i] = makers[math.random(1, #makers)]()
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
