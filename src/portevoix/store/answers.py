"""Answers kept under idempotency keys, in PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

from portevoix.domain.notice import KeptAnswer
from portevoix.ports import Clock
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("answers")

KEPT_FOR = timedelta(days=7)
FORGOTTEN_AT_ONCE = 10_000


class PostgresAnswers:
    """The ``Answers`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, account_id: int, key: str) -> KeptAnswer | None:
        """Read the answer that was kept under a key."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(SQL["answer"], {"account_id": account_id, "key": key})
            row = await cursor.fetchone()
        return None if row is None else KeptAnswer(*row)

    async def keep(self, account_id: int, key: str, answer: KeptAnswer) -> bool:
        """Keep an answer; waits for another request that is keeping one under the same key."""
        values = {"account_id": account_id, "key": key, **_values(answer), "at": self._clock.now()}
        async with self._database.connection() as connection:
            return await (await connection.execute(SQL["keep_answer"], values)).fetchone() is not None

    async def amend(self, account_id: int, key: str, answer: KeptAnswer) -> None:
        """Keep another answer under a key."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["amend_answer"], {"account_id": account_id, "key": key, **_values(answer)})

    async def forget(self) -> None:
        """Drop answers that have been kept long enough."""
        values = {"before": self._clock.now() - KEPT_FOR, "most": FORGOTTEN_AT_ONCE}
        async with self._database.connection() as connection:
            await connection.execute(SQL["forget_answers"], values)


def _values(answer: KeptAnswer) -> dict[str, object]:
    return {
        "fingerprint": answer.fingerprint,
        "status": answer.status,
        "content_type": answer.content_type,
        "body": answer.body,
    }
