-- SPDX-License-Identifier: Apache-2.0
-- A3: one record by a random id, as W1; the app file limits it.
require "w1"
