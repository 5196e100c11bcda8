"""Jobs that may safely run twice, kept by procrastinate: deferred in our own transactions, run by the courier."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from psycopg_pool import PoolTimeout

from portevoix.domain.errors import Unavailable
from portevoix.store.database import PATIENCE, Connection, open_pool

#: The next job is the first of an index. Sorting all that wait, as the planner would where it does not know yet that
#: there are many, takes seconds for some thousands, each time.
SESSION = {"options": f"{PATIENCE['options']} -c enable_sort=off"}

QUEUE = "notices"
DELIVER = "deliver"
SEND_MAIL = "send_mail"


@dataclass(frozen=True, slots=True)
class Errand:
    """A job to be run.

    Args:
        task: DELIVER or SEND_MAIL.
        lock: jobs of one lock run in the order in which they were deferred, one at a time.
        priority: among jobs of one lock, a higher one goes first, even before one that waits for its next try.
        delay_s: how long it is held back. The job queue has a clock of its own, the machine's: so no moment of ours.
    """

    task: str
    args: dict[str, Any]
    lock: str
    priority: int = 0
    delay_s: int = 0


@asynccontextmanager
async def open_jobs(url: str, connections: int) -> AsyncIterator[App]:
    """Open procrastinate's app on connections of its own, to run jobs; they are closed with the block.

    Args:
        url: a connection string.
        connections: how many to the database, at most.

    Raises:
        Unavailable: the database cannot be reached, or was lost in the block.
    """
    app = App(connector=PsycopgConnector())
    async with open_pool(url, smallest=1, largest=connections, session=SESSION) as pool, app.open_async(pool):
        try:
            yield app
        except Exception as fault:
            if _is_loss(fault):
                raise Unavailable("the database was lost") from fault
            raise


def _is_loss(fault: BaseException | None) -> bool:
    """Tell whether it is nothing but a database that was lost."""
    if isinstance(fault, BaseExceptionGroup):
        return all(map(_is_loss, fault.exceptions))
    if isinstance(fault, ConnectorException):
        return _is_loss(fault.__cause__)
    return isinstance(fault, (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout))


#: Never opened: it writes jobs on connections that are lent to it.
_deferring = App(connector=PsycopgConnector())


async def defer(connection: Connection, errands: Sequence[Errand]) -> None:
    """Defer jobs in the connection's transaction. Raises the driver's own faults, as all that is done in one does."""
    jobs = [
        Job(
            id=None,
            queue=QUEUE,
            lock=errand.lock,
            priority=errand.priority,
            queueing_lock=None,
            task_name=errand.task,
            task_kwargs=errand.args,
            scheduled_at=datetime.now(UTC) + timedelta(seconds=errand.delay_s) if errand.delay_s else None,
        )
        for errand in errands
    ]
    if jobs:
        try:
            await _deferring.job_manager.batch_defer_jobs_async(jobs=jobs, connection=connection)
        except ConnectorException as fault:
            raise fault.__cause__ or fault from fault
