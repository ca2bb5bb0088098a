-- SPDX-License-Identifier: Apache-2.0
-- W3: a durable create.
require "report"
local requests, at = {}, 0
local statuses = {"active", "closed", "draft", "resolved"}

function init()
  math.randomseed(9)
  for i = 1, 2000 do
    requests[i] = wrk.format("POST", "/api/v1/markets", {["Content-Type"] = "application/json"}, string.format(
      '{"name":"Will event %d resolve to yes before the deadline?","status":"%s","volume":"%d.%02d","creator":%d}',
      math.random(1, 1000000), statuses[math.random(1, 4)], math.random(0, 999999), math.random(0, 99),
      math.random(1, 5000)))
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
