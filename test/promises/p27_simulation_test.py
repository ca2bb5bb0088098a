# SPDX-License-Identifier: Apache-2.0
"""P27 at full size: 10,000 simulated worlds. The normal suite runs 200 of them, as a unit: test/sim."""

import os
import re
import subprocess

from server import ROOT

if os.environ.get("TENON_SOAK"):

    def test_ten_thousand_worlds_keep_every_promise(figure):
        done = subprocess.run([ROOT / "build/test/sim/sim_test"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        figure("P27", re.search(r"# figure P27: (.*)", done.stdout)[1])
