"""A short form of ``make chaos``: two rounds, always the same faults."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.faults import Kind
from tests.chaos.field import Terms, laid_out
from tests.chaos.rounds import finish, play

SEED = 192
CALLS = 400


async def test_two_rounds_of_faults_keep_all_promises(data_folder: Path) -> None:
    print("seed", SEED)
    async with laid_out(Terms(workers=2, lease_s=2, sets_clocks=False), data_folder) as field:
        played = [await play(field, SEED, number, CALLS, say=print) for number in (1, 2)]
        await finish(field)
    assert {fault.kind for one in played for fault in one.faults} >= {Kind.KILL, Kind.SLEEP, Kind.CUT_ANSWER}
