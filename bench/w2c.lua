-- SPDX-License-Identifier: Apache-2.0
-- W2C: the same list with its total: a quarter of all rows is counted.
require "report"
wrk.path = "/api/v1/markets?status=active&sort=-created_at&limit=20"
