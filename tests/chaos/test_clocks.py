"""Nodes whose clocks are wrong: by an hour from the start, and set in the middle."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.chaos import oracle
from tests.chaos.field import FIRST, Field, Terms, find_faketime, laid_out, phones
from tests.chaos.rounds import comes, is_over

#: Calls last for about a second: most of a lease.
TERMS = Terms(workers=2, per_second=20, speed="60", lease_s=2)
CALLS = 120


@pytest.mark.skipif(find_faketime() is None, reason="faketime is not installed")
@pytest.mark.parametrize("ahead", ["+1h", "-1h"])
async def test_a_clock_that_is_wrong_takes_nobody_for_dead_and_begins_nothing_early(
    data_folder: Path, ahead: str
) -> None:
    async with laid_out(TERMS, data_folder) as field:
        sent = await field.send(phones(random.Random(1), CALLS, hurried=True))
        field.set_clock(FIRST, ahead)
        assert await comes(lambda: is_over(field), 60)
        assert await oracle.verdict(field, [sent]) == []
        states = await field.postgres.ask("SELECT DISTINCT state::text FROM call WHERE state = 'uncertain'")
        nodes = await field.postgres.ask("SELECT count(*) FROM node")
        assert states == []
        assert nodes == [(2,)], "none had to begin anew"
        at = datetime.now(UTC) + timedelta(minutes=30)
        await field.send(phones(random.Random(2), 5), at=at.isoformat())
        await field.send(phones(random.Random(3), CALLS, hurried=True))
        open_now = "SELECT open FROM campaign WHERE open > 0"
        assert await comes(lambda: _is([(5,)], field, open_now), 60), "what is due in half an hour waits"


async def _is(expected: list[tuple[int]], field: Field, query: str) -> bool:
    return await field.postgres.ask(query) == expected
