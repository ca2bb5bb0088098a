-- SPDX-License-Identifier: Apache-2.0
-- W4: the newest twenty of one holder, each with the row that it refers to.
require "report"
local requests, at = {}, 0

function init()
  math.randomseed(11)
  for i = 1, 5000 do
    requests[i] = wrk.format(
      "GET", "/api/v1/positions?holder=" .. math.random(1, 2000) .. "&sort=-created_at&limit=20&count=none&expand=market")
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
