"""The courier: delivers webhooks and mails, through procrastinate; each at least once, those of one call in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Set
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from procrastinate import App, RetryDecision
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy
from procrastinate.worker import Worker

from portevoix.domain.errors import DomainError, Unavailable
from portevoix.ports import House, Mailer, WebhookSender
from portevoix.service.notices import deliver_webhook, send_mail
from portevoix.worker.cancelling import surely

AT_ONCE = 32
HEARTBEAT_S = 2.0
STALLED_S = 10.0
POLL_S = 1.0
AGAIN_S = 30
SOON_S = 1

log = structlog.get_logger(__name__)


class TryAgain(Exception):
    """A notice was not taken.

    Args:
        wait_s: when to try again, in seconds.
    """

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"not taken; the next try is in {wait_s} s")
        self.wait_s = wait_s


class WhenTold(BaseRetryStrategy):
    """Tries again when the last try told to. The job keeps its place before the later ones of its call.

    Args:
        now: tells the database's time, which due jobs are found by.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Decide on a job that failed, or that was interrupted by the courier's end."""
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_at=self._now())
        wait_s = exception.wait_s if isinstance(exception, TryAgain) else AGAIN_S
        return RetryDecision(retry_at=self._now() + timedelta(seconds=wait_s))


class Courier:
    """Delivers notices, until it is cancelled.

    Args:
        house: where notices are.
        open_jobs: opens procrastinate's app.
        queue: where its jobs are.
        sender: of webhooks.
        mailer: of mails; ``None`` keeps them to be read.
        on_try: told of each try: ``webhook`` or ``mail``, and ``done``, ``again`` or ``failed``.
        now: tells the time of the job queue, the database's.
    """

    def __init__(
        self,
        house: House,
        open_jobs: Callable[[], AbstractAsyncContextManager[App]],
        queue: str,
        sender: WebhookSender,
        mailer: Mailer | None,
        on_try: Callable[[str, str], None] = lambda kind, result: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._house = house
        self._on_try = on_try
        self._now = now
        self._open_jobs = open_jobs
        self._queue = queue
        self._sender = sender
        self._mailer = mailer
        self._at_work: set[int | None] = set()
        self._strange: Set[int | None] = frozenset()
        logging.getLogger("procrastinate").setLevel(
            logging.CRITICAL
        )  # what fails is told here, and in the webhook's log

    async def run(self) -> None:
        """Deliver; after a fault of the database, begin again."""
        while True:
            try:
                async with self._open_jobs() as jobs:
                    self._register(jobs)
                    await self._work(jobs)
            except DomainError as error:
                log.warning("courier_waits", error=error.message)
            except Exception:
                log.exception("courier_failed")
            await asyncio.sleep(POLL_S)

    def _register(self, jobs: App) -> None:
        """Say what each kind of job does."""

        @jobs.task(name="deliver", queue=self._queue, retry=WhenTold(self._now), pass_context=True)
        async def deliver(context: JobContext, webhook: int, copy: int = 0) -> None:
            with self._under_way(context.job):
                send = partial(deliver_webhook, self._house, self._sender, webhook, again=copy > 0)
                await self._attempt("webhook", send)

        @jobs.task(name="send_mail", queue=self._queue, retry=WhenTold(self._now), pass_context=True)
        async def mail(context: JobContext, mail: int) -> None:
            with self._under_way(context.job):
                await self._attempt("mail", partial(send_mail, self._house, self._mailer, mail, context.job.attempts))

    @contextmanager
    def _under_way(self, job: Job) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None, "each job has a task, which also writes its end down"
        task.add_done_callback(_tell_lost_end)
        self._at_work.add(job.id)
        try:
            yield
        finally:
            self._at_work.discard(job.id)

    async def _work(self, jobs: App) -> None:
        """Run jobs, until a fault or a cancellation; what is under way then is given back before this ends."""
        worker = Worker(
            jobs,
            queues=[self._queue],
            concurrency=AT_ONCE,
            fetch_job_polling_interval=POLL_S,
            listen_notify=True,
            delete_jobs="successful",
            install_signal_handlers=False,
            stalled_worker_timeout=STALLED_S,
            shutdown_graceful_timeout=0,
        )
        async with asyncio.TaskGroup() as group:  # waits for the worker's end, however often this is cancelled
            running = group.create_task(surely(worker.run))
            watching = group.create_task(self._look_after(jobs, worker, running))
            await asyncio.wait({running})
            watching.cancel()

    async def _look_after(self, jobs: App, worker: Worker, running: asyncio.Task[None]) -> None:
        """Say that the worker is alive, and give jobs whose worker died to another: those may be sent twice.

        The worker's own heartbeat stops at the first that fails, while it works on.
        """
        while not running.done():
            if worker.worker_id is not None:
                await jobs.job_manager.update_heartbeat(worker.worker_id)
                await self._begin_unended_anew(jobs, worker.worker_id)
            for job in await jobs.job_manager.get_stalled_jobs(queue=self._queue, seconds_since_heartbeat=STALLED_S):
                await jobs.job_manager.retry_job(job)
            await asyncio.sleep(HEARTBEAT_S)

    async def _begin_unended_anew(self, jobs: App, worker: int) -> None:
        """Begin jobs anew that are over here, but not by the books: their end was lost with the database."""
        by_the_books = await jobs.job_manager.list_jobs_async(queue=self._queue, status="doing", worker_id=worker)
        strange = {job.id: job for job in by_the_books if job.id not in self._at_work}
        for number in strange.keys() & self._strange:  # for so long that none of them is just being ended
            await jobs.job_manager.retry_job(strange[number])
        self._strange = strange.keys()

    async def _attempt(self, kind: str, work: Callable[[], Awaitable[int | None]]) -> None:
        """Try once; a notice that was not taken stays in its place until its next try."""
        try:
            wait_s = await work()
        except Unavailable as error:
            log.warning("notice_waits", kind=kind, error=error.message)
            self._on_try(kind, "failed")
            raise TryAgain(SOON_S) from None
        except Exception:
            log.exception("notice_failed", kind=kind)
            self._on_try(kind, "failed")
            raise TryAgain(AGAIN_S) from None
        self._on_try(kind, "done" if wait_s is None else "again")
        if wait_s is not None:
            raise TryAgain(wait_s)


def _tell_lost_end(job: asyncio.Task[Any]) -> None:
    """Tell of a job whose end could not be written down, which is begun anew: nobody else looks at what it raised."""
    if not job.cancelled() and (fault := job.exception()) is not None:
        log.warning("notice_end_lost", error=str(fault.__cause__ or fault).strip())
