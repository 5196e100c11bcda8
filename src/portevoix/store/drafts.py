"""Drafts of the console, in PostgreSQL."""

from __future__ import annotations

from typing import Any

import msgspec

from portevoix.domain.draft import KEPT_FOR, MOST_KEPT, Draft, DraftNotFound, DraftSent, Listed
from portevoix.ports import Clock
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("drafts")


class _Content(msgspec.Struct):
    """What is kept of a draft, as JSON."""

    fields: dict[str, str]
    listed: Listed | None


class PostgresDrafts:
    """The ``Drafts`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, account_id: int, person_id: int, draft: Draft) -> None:
        """Keep a draft as it is now."""
        content = msgspec.json.encode(_Content(dict(draft.fields), draft.listed))
        values = self._values(account_id, person_id, draft.id, content=content, most=MOST_KEPT)
        async with self._database.transaction() as connection:
            if await (await connection.execute(SQL["keep_draft"], values)).fetchone() is None:
                raise DraftSent("the draft was sent meanwhile")
            await connection.execute(SQL["crowd_out"], values)

    async def find(self, account_id: int, person_id: int, draft: str) -> Draft:
        """Read a draft."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(SQL["draft"], self._values(account_id, person_id, draft))
            row = await cursor.fetchone()
        if row is None:
            raise DraftNotFound("there is no such draft")
        if row[1] is not None:
            return Draft(draft, {}, campaign=row[1])
        content = msgspec.json.decode(row[0], type=_Content)
        return Draft(draft, content.fields, content.listed)

    async def sent(self, account_id: int, person_id: int, draft: str, campaign: str) -> bool:
        """Note what a draft was sent as."""
        async with self._database.connection() as connection:
            values = self._values(account_id, person_id, draft, campaign=campaign)
            return await (await connection.execute(SQL["sent_draft"], values)).fetchone() is not None

    async def sweep(self) -> None:
        """Forget drafts that nobody has touched for long."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["sweep_drafts"], {"kept_from": self._clock.now() - KEPT_FOR})

    def _values(self, account_id: int, person_id: int, draft: str, **others: object) -> dict[str, Any]:
        now = self._clock.now()
        known = {"id": draft, "account_id": account_id, "person_id": person_id, "at": now, "kept_from": now - KEPT_FOR}
        return {**known, **others}
