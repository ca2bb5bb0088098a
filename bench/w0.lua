-- SPDX-License-Identifier: Apache-2.0
-- W0: the answer that costs nothing.
require "report"
wrk.path = "/health"
