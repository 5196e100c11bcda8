"""What a run found: kept as JSON, and read back to be compared."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from bench.figure import Figure
from bench.machine import Machine

RESULTS = Path(__file__).parent / "results"


class Report(msgspec.Struct, frozen=True):
    """A run.

    Args:
        at: when it began, in UTC.
        pairs: how often each thing was measured beside its baseline.
        skipped: parts that could not be measured, and why.
    """

    at: datetime
    machine: Machine
    pairs: int
    figures: list[Figure]
    skipped: dict[str, str]

    def keep(self) -> Path:
        """Write the run among the results; returns the file."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.at:%Y%m%dT%H%M%SZ}.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))
        return path


def read(path: Path) -> Report:
    """Read a run that was kept."""
    return msgspec.json.decode(path.read_bytes(), type=Report)
