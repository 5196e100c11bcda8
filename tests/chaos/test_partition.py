"""A node that loses its network while it runs on: others take its place, and it dials nothing behind their backs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos import oracle
from tests.chaos.field import FIRST, Field, Terms, laid_out, phones
from tests.chaos.namespace import Namespace, Refused, namespace
from tests.chaos.rounds import comes, is_over
from tests.conftest import NOT_ALLOWED

#: Calls last for some seconds, so that some are under way at any moment, and are begun slowly enough for some to be left.
TERMS = Terms(workers=2, per_second=20, speed="5", lease_s=2)
CALLS = 400


async def test_a_node_that_is_cut_off_dials_nothing_until_it_is_back(data_folder: Path) -> None:
    try:
        async with namespace() as apart, laid_out(TERMS, data_folder, apart) as field:
            await _cut_off(field, apart)
    except Refused:
        pytest.skip(f"a network of its own: {NOT_ALLOWED}")


async def _cut_off(field: Field, apart: Namespace) -> None:
    assert field.nodes[FIRST].process is not None
    suffix = f"/{field.nodes[FIRST].process.pid}"

    def rung() -> int:
        return sum(one.node.endswith(suffix) for one in field.testimony.hear())

    async def has_rung(more_than: int) -> bool:
        return rung() > more_than

    sent = await field.send(phones(random.Random(1), CALLS, hurried=True))
    assert await comes(lambda: has_rung(10), 60)
    await apart.pull()
    assert await comes(lambda: _some_are_uncertain(field), 60), "it was taken for dead"
    cut_off = rung()
    assert not await comes(lambda: has_rung(cut_off), 2), "it dials nothing behind their backs"
    await apart.plug()
    more = await field.send(phones(random.Random(2), CALLS, hurried=True))
    assert await comes(lambda: has_rung(cut_off), 60), "it begins anew, as another"
    assert await comes(lambda: is_over(field), 60)
    assert await oracle.verdict(field, [sent, more]) == []


async def _some_are_uncertain(field: Field) -> bool:
    return bool(await field.postgres.ask("SELECT 1 FROM call WHERE state = 'uncertain' LIMIT 1"))
