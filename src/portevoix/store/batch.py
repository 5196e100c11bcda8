"""Adaptive batching: whatever queued while the last batch ran is the next batch.

A lone item waits for nothing; under load, one statement, one commit and one row lock serve many. It keeps a
hot account as fast as a thousand cold ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from portevoix.domain.errors import Busy, Unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Coalesces the concurrent items of one process.

    Args:
        run: answers a batch, an answer or an exception for each item, in order. Where it raises, it must have
            changed nothing; the items are tried again one by one, so that a bad one fails alone. Where it says that
            the database cannot be reached, that is the answer to all who wait.
        most: the largest batch.
        at_once: batches under way at the same time.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]],
        *,
        most: int,
        at_once: int,
    ) -> None:
        self._run = run
        self._most = most
        self._idle = at_once
        self._queue: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Answer:
        """Answer one item, together with the others that wait. Raises what ``run`` gives for it."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._queue.append((item, future))
        if self._idle:
            self._begin()
        return await future

    def _begin(self) -> None:
        self._idle -= 1
        task = asyncio.get_running_loop().create_task(self._work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        try:
            while self._queue:
                await asyncio.sleep(0)  # so that those who arrived in the same turn of the loop come along
                batch = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
                waiting = [(item, future) for item, future in batch if not future.done()]
                if waiting:
                    await self._answer(waiting)
        finally:
            self._idle += 1

    async def _answer(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._run([item for item, _ in batch])
        except Exception as problem:  # noqa: BLE001 - handed to the callers
            if isinstance(problem, Unavailable) and not isinstance(problem, Busy):
                self._tell_all(batch, problem)
            elif len(batch) == 1:
                _give(batch[0][1], problem)
            else:
                await self._one_by_one(batch)
            return
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), answer in zip(batch, answers, strict=True):
            _give(future, answer)

    async def _one_by_one(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        for place, (item, future) in enumerate(batch):
            try:
                (answer,) = await self._run([item])
            except Unavailable as problem:
                if not isinstance(problem, Busy):
                    self._tell_all(batch[place:], problem)
                    return
                _give(future, problem)
            except Exception as problem:  # noqa: BLE001 - handed to the caller
                _give(future, problem)
            else:
                _give(future, answer)

    def _tell_all(self, batch: list[tuple[Item, asyncio.Future[Answer]]], problem: Unavailable) -> None:
        """Answer those of a batch, and those who queued meanwhile: they have waited as long."""
        for _, future in (*batch, *self._queue):
            _give(future, problem)
        self._queue.clear()


def _give(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    if future.done():  # its caller has gone
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
