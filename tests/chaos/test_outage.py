"""A database that is away for longer than a lease: nobody can be heard, so nobody is dead."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.chaos import oracle
from tests.chaos.field import Field, Terms, laid_out
from tests.chaos.rounds import comes, is_over
from tests.store.test_calls import numbers

#: Calls go on while the database is away, and until each node is back.
TERMS = Terms(workers=2, speed="1", lease_s=4, sets_clocks=False)
CALLS = 20
AWAY_S = 1.5 * TERMS.lease_s


async def test_calls_that_are_under_way_while_the_database_is_away_end_as_they_do(data_folder: Path) -> None:
    async with laid_out(TERMS, data_folder) as field:

        async def all_are_there() -> bool:
            return len(await _nodes(field)) == len(field.nodes)

        assert await comes(all_are_there, 60)
        nodes = await _nodes(field)
        sent = await field.send([f"+{number.digits}" for number in numbers(CALLS)])

        async def all_ring() -> bool:
            return len(field.testimony.hear()) == CALLS

        assert await comes(all_ring, 60)
        await field.postgres.stop("fast")
        await asyncio.sleep(AWAY_S)
        await field.postgres.start()
        assert await comes(lambda: is_over(field), 60)
        assert await oracle.verdict(field, [sent]) == []
        assert await field.postgres.ask("SELECT DISTINCT state::text FROM call") == [("finished",)]
        assert await _nodes(field) == nodes, "none had to begin anew"


async def _nodes(field: Field) -> list[int]:
    return [number for (number,) in await field.postgres.ask("SELECT id FROM node ORDER BY id")]
