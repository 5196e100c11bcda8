"""What many calls a day ask of machines, worked out from what one call was measured to use."""

from __future__ import annotations

import hashlib
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

CALLS_A_DAY = 100_000_000
SECONDS_A_DAY = 86_400

#: Calls are made in ten hours of the day, and the busiest of them has three times the day's average.
PEAK = 3

#: Calls a second that a database is planned for: half of what it does, as the rest is for backups and vacuum.
PLANNED_PER_SECOND = (250, 500, 1_000, 2_000)

DAYS_KEPT = 90
ACCOUNTS = 10_000


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one call uses: disk and WAL in bytes, pages written by checkpoints, fsyncs of WAL."""

    disk_bytes: float
    wal_bytes: float
    pages: float
    fsyncs: float

    @classmethod
    def median(cls, several: Sequence[Footprint]) -> Footprint:
        """Take the middle of each."""
        return cls(
            *(
                statistics.median(getattr(one, name) for one in several)
                for name in ("disk_bytes", "wal_bytes", "pages", "fsyncs")
            )
        )


def demand(call: Footprint, calls_a_second: float, calls_a_day: int) -> list[str]:
    """Work out what so many calls a day come to, a line each.

    Args:
        calls_a_second: claimed, dialled and settled by one node on one database, as measured.
    """
    average = calls_a_day / SECONDS_A_DAY
    peak = average * PEAK
    kept_tib = call.disk_bytes * calls_a_day * DAYS_KEPT / 2**40
    return [
        (
            f"a call: {call.disk_bytes:,.0f} bytes of disk, {call.wal_bytes:,.0f} bytes of WAL, "
            f"{call.pages:.2f} pages of checkpoints, {call.fsyncs:.3f} fsyncs; {calls_a_second:,.0f} calls/s here"
        ),
        f"{calls_a_day:,} calls a day: {average:,.0f} a second on average, {peak:,.0f} at the peak ({PEAK} times that)",
        (
            f"a day: {call.disk_bytes * calls_a_day / 2**30:,.0f} GiB of disk, "
            f"{call.wal_bytes * calls_a_day / 2**30:,.0f} GiB of WAL; {DAYS_KEPT} days: {kept_tib:,.1f} TiB"
        ),
        (
            f"at the peak: {call.wal_bytes * peak / 2**20:,.0f} MiB/s of WAL, {call.pages * peak:,.0f} pages/s, "
            f"{call.fsyncs * peak:,.0f} fsyncs/s, over all shards"
        ),
        *(
            f"{math.ceil(peak / planned)} databases where {planned:,} calls/s are planned for each, "
            f"which keeps {kept_tib * planned / peak:,.2f} TiB"
            for planned in PLANNED_PER_SECOND
        ),
    ]


def fullest_share(shards: int, accounts: int = ACCOUNTS) -> float:
    """Tell how many times an even part the fullest shard gets, where accounts are spread by the hash of their id.

    Accounts are as unequal as they tend to be: the second has half of the first one's calls, the third a third.
    """
    load: Counter[int] = Counter()
    for rank in range(1, accounts + 1):
        digest = hashlib.sha256(f"acct_{rank}".encode()).digest()
        load[int.from_bytes(digest[:8]) % shards] += PARTS // rank
    return max(load.values()) * shards / sum(load.values())


#: Of the first account's calls; a multiple of the ranks that matter.
PARTS = 10**9
