-- SPDX-License-Identifier: Apache-2.0
-- W2: the newest twenty of a filtered list, without counting the rest.
require "report"
wrk.path = "/api/v1/markets?status=active&sort=-created_at&limit=20&count=none"
