"""Connections to PostgreSQL, and the one place where its faults become the domain's errors."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Self

import psycopg
import structlog
from psycopg import conninfo, errors
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from portevoix.domain.errors import Busy, InvalidValue, Unavailable

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

#: How long a request waits for a connection before it is told that the database is unavailable.
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 2.0

#: How long the pool tries by itself, ever more seldom; after that, the next request makes it try at once.
RECONNECT_TIMEOUT_S = 2.0


_BUSY = (errors.DeadlockDetected, errors.LockNotAvailable, errors.QueryCanceled, errors.SerializationFailure)

AUTOCOMMIT: Mapping[str, object] = {"autocommit": True}

#: A silent database, or somebody's forgotten transaction, holds nobody up for longer.
PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "options": (
        "-c timezone=UTC -c lock_timeout=5s -c statement_timeout=20s -c idle_in_transaction_session_timeout=15s"
    ),
}

#: Through a pooler in transaction mode. It takes no options, and hands the statements of one session to several.
POOLED: Mapping[str, object] = {"autocommit": True, "options": None}

NEVER_PREPARED: Mapping[str, object] = {"prepare_threshold": None}

#: What a pooler must set in its sessions, since it takes no options of ours.
WANTED = {
    "TimeZone": "UTC",
    "lock_timeout": "5000",
    "statement_timeout": "20000",
    "idle_in_transaction_session_timeout": "15000",
}

log = structlog.get_logger(__name__)


class WholeConnection(Connection):
    """A connection that is made whole or not at all.

    One whose making is cancelled half-way would stay until its authentication times out, and meanwhile hold up
    whatever waits for every session of the server.
    """

    @classmethod
    async def connect(cls, conninfo: str = "", **settings: Any) -> Self:  # noqa: ANN401 - the driver's own
        """Connect; where that is cancelled, the connection is made all the same, and closed."""
        making = asyncio.ensure_future(super().connect(conninfo, **settings))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            while not making.done():
                with suppress(asyncio.CancelledError):  # whoever cancels us may do so more than once
                    await asyncio.wait({making})
            if making.exception() is None:
                await making.result().close()
            raise


class Pool(AsyncConnectionPool[Connection]):
    """A pool that lends no connection to a task that was cancelled while it waited for one.

    Before Python 3.12, ``asyncio.wait_for`` loses a cancellation that comes together with what is waited for: the task
    would go on, and whoever cancelled it wait for ever.
    """

    async def getconn(self, timeout: float | None = None) -> Connection:  # noqa: ASYNC109 - the pool's own
        """Lend a connection. Raises PoolTimeout."""
        cancelled_before = _times_cancelled()
        connection = await super().getconn(timeout)
        if _times_cancelled() > cancelled_before:
            await self.putconn(connection)
            raise asyncio.CancelledError
        return connection


def _times_cancelled() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


class Database:
    """A pool of connections, or the one connection of a unit of work.

    Args:
        pool: open, its connections in autocommit.
        joined: the connection whose transaction everything joins, in a unit of work.
    """

    def __init__(self, pool: AsyncConnectionPool[Connection], joined: Connection | None = None) -> None:
        self._pool = pool
        self._joined = joined

    @property
    def in_unit_of_work(self) -> bool:
        """Whether what is done here takes effect with other changes, or not at all."""
        return self._joined is not None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection for statements that each stand alone. Raises Unavailable."""
        with faults():
            if self._joined is not None:
                yield self._joined
            else:
                async with self._pool.connection(CONNECT_TIMEOUT_S) as connection:
                    yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction, a savepoint in a unit of work. Raises Unavailable."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def command(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction whose statements travel together, in one round trip."""
        async with self.connection() as connection, connection.pipeline(), connection.transaction():
            yield connection

    async def answers(self) -> bool:
        """Tell whether the database can be reached now."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S), self.connection() as connection:
                await connection.execute("SELECT 1")
        except (Unavailable, TimeoutError):
            return False
        return True

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[Database]:
        """Lend a database whose changes take effect together, or not at all."""
        async with self.transaction() as connection:
            yield Database(self._pool, connection)


@contextmanager
def faults() -> Iterator[None]:
    """Turn the driver's faults into errors that a caller can act on; a defect of ours stays what it is."""
    try:
        yield
    except (errors.NumericValueOutOfRange, errors.CheckViolation) as fault:
        if fault.diag.constraint_name in (None, "account_balance_bounded"):
            raise InvalidValue("an account holds at most 1000000000000 euros") from fault
        raise
    except _BUSY as fault:
        raise Busy("the database is busy with this account") from fault
    except (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction, PoolTimeout) as fault:
        raise Unavailable("the database cannot be reached") from fault


def check_url(url: str, setting: str) -> None:
    """Check a connection string before it is used. Raises InvalidValue, without its text: it may hold a password."""
    try:
        conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise InvalidValue(f"{setting} is not a PostgreSQL connection string") from None


async def see_whether_sessions_are_set(database: Database) -> None:
    """Say what a pooler leaves unset in its sessions: without limits there, a forgotten lock holds up for ever."""
    query = b"SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
    async with database.connection() as connection:
        found = dict(await (await connection.execute(query, [list(WANTED)])).fetchall())
    unset = {name: found.get(name) for name, wanted in WANTED.items() if found.get(name) != wanted}
    if unset:
        log.warning("pooler_sessions_not_set", wanted={name: WANTED[name] for name in unset}, found=unset)


async def _see_whether_it_is_there(connection: Connection) -> None:
    """See whether the server has closed a connection, without asking: what an idle one has to read tells of its end.

    Raises:
        OperationalError: it has.
    """
    ready = select.poll()
    ready.register(connection.fileno(), select.POLLIN)
    while ready.poll(0):
        connection.pgconn.consume_input()


@asynccontextmanager
async def open_pool(
    url: str, *, smallest: int, largest: int, session: Mapping[str, object] = AUTOCOMMIT
) -> AsyncIterator[AsyncConnectionPool[Connection]]:
    """Open a pool of connections and close it afterwards, whatever it is that ends its opening.

    Args:
        url: a PostgreSQL connection string.
        smallest: connections that are kept.
        largest: connections at most.
        session: how connections are set.

    Raises:
        Unavailable: no connection within a few seconds.
    """
    pool = Pool(
        url,
        min_size=smallest,
        max_size=largest,
        kwargs={"application_name": "portevoix", **PATIENCE, **session},
        connection_class=WholeConnection,
        reconnect_timeout=RECONNECT_TIMEOUT_S,
        check=_see_whether_it_is_there,
        open=False,
    )
    try:
        try:
            await pool.open(wait=True, timeout=CONNECT_TIMEOUT_S)
        except PoolTimeout as fault:
            raise Unavailable("the database cannot be reached") from fault
        yield pool
    finally:
        await pool.close()
