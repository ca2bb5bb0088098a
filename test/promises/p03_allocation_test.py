# SPDX-License-Identifier: Apache-2.0
"""P3 at full size: every allocation of every kind of request. The normal suite tries a part of them, as a unit: test/sim."""

import os
import re
import subprocess

from server import ROOT

if os.environ.get("TENON_SOAK"):

    def test_every_allocation_may_fail(figure):
        done = subprocess.run([ROOT / "build/test/sim/sim_allocation_test"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        figure("P3", re.search(r"# figure P3: (.*)", done.stdout)[1])
