-- SPDX-License-Identifier: Apache-2.0
-- A1: one record by a random id, with an access token; the header comes from bench.py.
require "report"
local requests, at = {}, 0

function init()
  local headers = {}
  local name, value = string.match(os.getenv("BENCH_HEADER") or "", "([^:]+): (.+)")
  if name then headers[name] = value end
  math.randomseed(7)
  for i = 1, 20000 do
    requests[i] = wrk.format("GET", "/api/v1/markets/" .. math.random(1, 100000), headers)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
