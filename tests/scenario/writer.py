"""A process of its own that reserves: ``python -m tests.scenario.writer URL ACCOUNT COUNT WRITERS NAME``.

Prints a line for each reserve that was acknowledged (its key and hold), then ``refused N`` for those that were not.
"""

from __future__ import annotations

import asyncio
import sys

from portevoix import bootstrap
from portevoix.domain.errors import InsufficientCredit
from portevoix.ports import House
from portevoix.service import credit
from tests.conftest import PEPPER


async def reserve_in_parallel(url: str, account_id: int, count: int, writers: int, name: str) -> None:
    """Make so many reserves of one micro-euro each, by so many writers at a time."""
    keys = iter([f"{name}-{number}" for number in range(count)])
    refused = 0

    async def write(house: House) -> None:
        nonlocal refused
        for key in keys:
            try:
                held = await credit.reserve(house, account_id, 1, key)
            except InsufficientCredit:
                refused += 1
            else:
                print(key, held.hold_id, flush=True)

    async with bootstrap.open_house(url, PEPPER.encode()) as opened:
        print("ready", flush=True)
        await asyncio.gather(*(write(opened.house) for _ in range(writers)))
    print("refused", refused, flush=True)


if __name__ == "__main__":
    url, account, count, writers, name = sys.argv[1:]
    asyncio.run(reserve_in_parallel(url, int(account), int(count), int(writers), name))
