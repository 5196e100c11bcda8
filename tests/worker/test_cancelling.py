"""Background work ends when it is told to, whatever it does with a cancellation."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from portevoix.worker import cancelling
from portevoix.worker.cancelling import surely
from tests.parts import PATIENCE_S


class Deaf:
    """Work that misses its first cancellations, as a lookup does that is done in that moment."""

    def __init__(self, misses: int) -> None:
        self.began = asyncio.Event()
        self.has_ended = False
        self._misses = misses

    async def run(self) -> None:
        self.began.set()
        for _ in range(self._misses):
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        try:
            await asyncio.Event().wait()
        finally:
            self.has_ended = True


@pytest.mark.parametrize("misses", [0, 1, 3])
async def test_work_that_misses_its_cancellation_ends_all_the_same(
    misses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancelling, "CANCEL_AGAIN_S", 0.001)
    deaf = Deaf(misses)

    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(surely(deaf.run))
            await asyncio.Event().wait()

    task = asyncio.create_task(group())
    await deaf.began.wait()
    task.cancel()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert deaf.has_ended


async def test_what_work_fails_with_is_told() -> None:
    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await surely(fail)
