"""Logs that cannot be written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")

WRITE = """
import asyncio, logging, structlog
from portevoix import logs
from portevoix.web.trace import Answered

logs.set_up("info", "json")
for _ in range(3):
    structlog.get_logger().warning("ours")
    logging.getLogger("a library").warning("theirs")
access = logs.AccessLog("json")

async def answer():
    access.observe(Answered("GET", "/healthz", 200, 0.001, None, None))
    access.flush()

asyncio.run(answer())
print("went on")
"""


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_a_log_on_a_full_disk_stops_nobody() -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", WRITE], check=False, stdout=subprocess.PIPE, stderr=full, text=True
        )
    assert done.stdout == "went on\n"
