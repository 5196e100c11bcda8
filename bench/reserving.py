"""Processes that reserve credit through the service layer, as fast as the ledger lets them."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import random
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import NamedTuple, Self

import uvloop

from portevoix import bootstrap
from portevoix.ports import House
from portevoix.service.credit import reserve

PEPPER = b"the pepper of the benchmark"
AMOUNT_MICROS = 1000
PATIENCE_S = 120


class Task(NamedTuple):
    """What a process is to do: reserve on accounts chosen by chance, with so many callers, for so long."""

    accounts: Sequence[int]
    callers: int
    seconds: float


class Reservers:
    """Processes with a house each on the same database, as a context manager.

    Args:
        url: the database.
        processes: how many.
    """

    def __init__(self, url: str, processes: int) -> None:
        fresh = multiprocessing.get_context("spawn")
        self._lines: list[Connection] = []
        self._processes = []
        for seed in range(processes):
            near, far = fresh.Pipe()
            self._lines.append(near)
            self._processes.append(fresh.Process(target=_live, args=(far, url, seed), daemon=True))

    def per_second(self, accounts: Sequence[int], callers: int, seconds: float) -> float:
        """Return reservations per second of all processes together.

        Args:
            accounts: ledger accounts; one is a hot account.
            callers: concurrent ones, spread over the processes.
            seconds: how long.
        """
        task = Task(accounts, callers // len(self._lines), seconds)
        for line in self._lines:
            line.send(task)
        return sum(self._answer(line) for line in self._lines)

    def _answer(self, line: Connection) -> float:
        if not line.poll(PATIENCE_S):
            raise RuntimeError("a reserving process does not answer")
        answer: float = line.recv()
        return answer

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self._lines:
            line.send(None)
        for process in self._processes:
            process.join(PATIENCE_S)


def _live(line: Connection, url: str, seed: int) -> None:
    """Do tasks until there are no more, on the loop that the server's workers have."""
    uvloop.run(_do_tasks(line, url, random.Random(seed)))


async def _do_tasks(line: Connection, url: str, chance: random.Random) -> None:
    async with bootstrap.open_house(url, PEPPER) as opened:
        keys = (f"{os.getpid()}-{number}" for number in itertools.count())
        while (task := await asyncio.to_thread(line.recv)) is not None:
            line.send(await _do(opened.house, task, keys, chance))


async def _do(house: House, task: Task, keys: Iterator[str], chance: random.Random) -> float:
    """Reserve until the time is up; returns reservations per second."""
    done = 0
    began_s = time.perf_counter()
    end_s = began_s + task.seconds

    async def call() -> None:
        nonlocal done
        while time.perf_counter() < end_s:
            await reserve(house, chance.choice(task.accounts), AMOUNT_MICROS, next(keys))
            done += 1

    async with asyncio.TaskGroup() as together:
        for _ in range(task.callers):
            together.create_task(call())
    return done / (time.perf_counter() - began_s)
