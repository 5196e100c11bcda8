"""Where carriers hand their reports in: filed in batches, then settled in batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import structlog

from portevoix.domain.call import Report
from portevoix.domain.dialling import Conclusion, Progress
from portevoix.domain.errors import DomainError, Unavailable
from portevoix.ports import House
from portevoix.service.settlement import settle
from portevoix.worker.cancelling import surely

MOST_IN_A_BATCH = 256
AGAIN_S = 1.0

log = structlog.get_logger(__name__)


class Desk:
    """Files and settles what carriers say.

    Args:
        house: where calls are.
        on_settled: told of each batch.
    """

    def __init__(self, house: House, on_settled: Callable[[Sequence[Conclusion]], None]) -> None:
        self._house = house
        self._on_settled = on_settled
        self._reports: deque[tuple[int, int, Report]] = deque()
        self._progress: dict[tuple[int, int], Progress] = {}
        self._filed: dict[int, None] = {}
        self._refused: set[int] = set()
        self._news = asyncio.Event()
        self._to_settle = asyncio.Event()
        self._done = asyncio.Event()
        self._filing = asyncio.Lock()
        self._settling = asyncio.Lock()

    def note(self, progress: Progress) -> None:
        """Note what a carrier says on the way."""
        self._progress[progress.call_id, progress.attempt] = progress
        self._news.set()

    def hand_in(self, call: int, attempt: int, report: Report) -> None:
        """Take a report of an attempt's end; what was said on the way is in it."""
        self._progress.pop((call, attempt), None)
        self._reports.append((call, attempt, report))
        self._news.set()

    def settle_soon(self, calls: Iterable[int]) -> None:
        """Take note of calls whose reports are filed."""
        self._filed |= dict.fromkeys(call for call in calls if call not in self._refused)
        if self._filed:
            self._to_settle.set()

    async def run(self) -> None:
        """File and settle, until cancelled: the next batch is filed while the last one is settled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(surely(self._file_all))
            group.create_task(surely(self._settle_all))

    async def empty(self) -> None:
        """Wait until all that was handed in is filed and settled."""
        while self._reports or self._filed or self._filing.locked() or self._settling.locked():
            self._done.clear()
            await self._done.wait()

    async def finish(self, limit_s: float) -> None:
        """File and settle what is there, batches under way included, again where it fails.

        Args:
            limit_s: for how long; what is left then is left to whoever sweeps.
        """
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    if await self._finish():
                        return
                    await asyncio.sleep(AGAIN_S)
        except TimeoutError:
            log.warning("left_unsettled", reports=len(self._reports), filed=len(self._filed))

    async def _finish(self) -> bool:
        try:
            async with self._filing:
                while self._reports:
                    await self._file()
            async with self._settling:
                while self._filed:
                    await self._settle()
        except DomainError as error:
            log.warning("finishing_failed", error=error.message)
            return False
        return True

    async def _file_all(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                while self._reports or self._progress:
                    async with self._filing:
                        await self._file()
                    self._done.set()
            except DomainError as error:
                log.warning("filing_failed", error=error.message)
                await asyncio.sleep(AGAIN_S)
                self._news.set()

    async def _file(self) -> None:
        """Keep a batch of reports and what was said on the way; on a failure, they are kept here."""
        batch = [self._reports.popleft() for _ in range(min(len(self._reports), MOST_IN_A_BATCH))]
        said, self._progress = self._progress, {}
        try:
            if batch:
                await self._house.calls.file(batch)
        except BaseException:
            self._reports.extendleft(reversed(batch))
            self._progress = said | self._progress
            raise
        self.settle_soon(call for call, _, _ in batch)
        if said:
            await self._house.calls.progress(list(said.values()))

    async def _settle_all(self) -> None:
        while True:
            await self._to_settle.wait()
            self._to_settle.clear()
            try:
                while self._filed:
                    async with self._settling:
                        await self._settle()
                    self._done.set()
            except DomainError as error:
                log.warning("settling_failed", error=error.message)
                await asyncio.sleep(AGAIN_S)
                self._to_settle.set()

    async def _settle(self) -> None:
        """Settle a batch; while the database is away, it is kept here. One that cannot be settled holds up no other."""
        batch = list(self._filed)[:MOST_IN_A_BATCH]
        try:
            self._on_settled(await settle(self._house, batch))
        except Unavailable:
            raise
        except Exception:
            log.exception("settlement_failed", calls=len(batch))
            for call in batch:
                await self._settle_alone(call)
        for call in batch:
            self._filed.pop(call, None)

    async def _settle_alone(self, call: int) -> None:
        try:
            self._on_settled(await settle(self._house, [call]))
        except Unavailable:
            raise
        except Exception:
            log.exception("call_cannot_be_settled", call=call)
            self._refused.add(call)
