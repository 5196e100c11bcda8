"""Sessions of the console and what is done in them, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from portevoix.domain.errors import Unavailable
from portevoix.domain.ids import AccountRef
from portevoix.domain.person import SESSION_IDLE, SESSION_LIFE, TOKEN_GRACE, Deed, Session, SignInRefused
from portevoix.ports import Clock
from portevoix.store.database import Database
from portevoix.store.people import SQL, person_of

NOTED_EVERY = timedelta(minutes=1)


class PostgresSessions:
    """The ``Sessions`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def open(self, person_id: int, digest: bytes, salt: bytes, password_hash: str | None = None) -> Session:
        """Begin a session."""
        values = {"person_id": person_id, "digest": digest, "salt": salt, "password_hash": password_hash}
        if not await self._rows("open_session", values):
            raise SignInRefused("the password was changed meanwhile, or the person shut out")
        opened = await self.find(digest)
        if opened is None:
            raise Unavailable("the session could not begin")
        return opened

    async def find(self, digest: bytes) -> Session | None:
        """Read a session that is not over, and note that it is used."""
        rows = await self._rows("session", {"digest": digest})
        if not rows:
            return None
        number, salt, created_at, rotated_at, *person = rows[0]
        return Session(number, person_of(person), salt, created_at, rotated_at)

    async def rotate(self, session_id: int, digest: bytes, instead_of: bytes) -> bool:
        """Let a token take another's place."""
        values = {"session_id": session_id, "digest": digest, "instead_of": instead_of}
        return bool(await self._rows("rotate_session", values))

    async def close(self, session_id: int) -> None:
        """End a session."""
        await self._rows("close_session", {"session_id": session_id})

    async def sweep(self) -> None:
        """Forget sessions and invitations that are over."""
        await self._rows("sweep_sessions", {})

    async def _rows(self, query: str, values: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
        now = self._clock.now()
        moments = {
            "at": now,
            "graced_from": now - TOKEN_GRACE,
            "idle_from": now - SESSION_IDLE,
            "begun_from": now - SESSION_LIFE,
            "noted_before": now - NOTED_EVERY,
        }
        async with self._database.connection() as connection:
            cursor = await connection.execute(SQL[query], {**moments, **values})
            return await cursor.fetchall() if cursor.description else []


class PostgresDeeds:
    """The ``Deeds`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(
        self,
        who: str,
        person_id: int | None,
        account: AccountRef | None,
        action: str,
        subject: str,
        address: str | None,
    ) -> int:
        """Note what is about to be done; returns its number."""
        values = {
            "at": self._clock.now(),
            "who": who,
            "person_id": person_id,
            "account": account.public_id if account else None,
            "mode": account.mode if account else None,
            "action": action,
            "subject": subject,
            "address": address,
        }
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["begin_deed"], values)).fetchone()
        assert row is not None
        number: int = row[0]
        return number

    async def end(self, deed: int, outcome: str) -> None:
        """Note how it ended."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["end_deed"], {"deed": deed, "outcome": outcome})

    async def newest(self, before: int | None, most: int, account: str | None = None) -> Sequence[Deed]:
        """Read what was done, of one account or all, the newest first."""
        values = {"before": before, "most": most, "account": account}
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL["deeds"], values)).fetchall()
        return [Deed(*row) for row in rows]
