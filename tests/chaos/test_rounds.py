"""A short form of ``make chaos``: two rounds, always the same faults."""

from __future__ import annotations

from pathlib import Path

from tests.chaos import oracle
from tests.chaos.faults import Kind
from tests.chaos.field import Terms, laid_out
from tests.chaos.rounds import finish, play

SEED = 192
CALLS = 400
NOBODYS = 10**9


async def test_two_rounds_of_faults_keep_all_promises(data_folder: Path) -> None:
    print("seed", SEED)
    async with laid_out(Terms(workers=2, lease_s=2, sets_clocks=False), data_folder) as field:
        played = [await play(field, SEED, number, CALLS, say=print) for number in (1, 2)]
        await finish(field)
        rung = field.testimony.hear()[0]
        with field.testimony.path.open("a", encoding="ascii") as witness:
            for call in (rung.call, NOBODYS):
                witness.write(f"{rung.moment.isoformat()} {rung.node} {call} {rung.attempt} {rung.number}\n")
        assert await oracle.verdict(field, []) == [
            f"attempt {rung.key} was rung 2 times",
            f"attempt {(NOBODYS, rung.attempt)} was rung and is not in the books",
        ], "the oracle would have seen it"
    assert {fault.kind for one in played for fault in one.faults} >= {Kind.KILL, Kind.SLEEP, Kind.CUT_ANSWER}
