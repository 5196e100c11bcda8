"""An Asterisk to measure beside, as the tests run it: where ``PORTEVOIX_TEST_ASTERISK`` names the folder."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from tests.carrier.asterisk.pbx import Pbx, asterisk

CALLS = 100
"""It saturates where the engine of our own does not."""


def missing() -> str:
    """Tell why there is none; empty where there is one."""
    folder = os.environ.get("PORTEVOIX_TEST_ASTERISK", "")
    if not folder or not (Path(folder) / "ready").exists():
        return "PORTEVOIX_TEST_ASTERISK names no folder that .ci/asterisk has made"
    return "" if os.geteuid() == 0 else "Asterisk runs in a folder of its own, for which root is needed"


def running() -> AbstractContextManager[Pbx]:
    """Run it, with ports for as many calls, two each."""
    return asterisk(rtp_ports=4 * CALLS)
