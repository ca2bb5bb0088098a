-- SPDX-License-Identifier: Apache-2.0
-- W1: one record by a random id.
require "report"
local requests, at = {}, 0

function init()
  math.randomseed(7)
  for i = 1, 20000 do
    requests[i] = wrk.format("GET", "/api/v1/markets/" .. math.random(1, 100000))
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
