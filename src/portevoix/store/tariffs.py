"""Tariffs in PostgreSQL; what was read stays in memory, since a revision never changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from portevoix.domain.errors import AlreadyExists, NotFound
from portevoix.domain.tariff import DRAFT_KEPT, Draft, Product, Rate, RateTable, Tariff
from portevoix.ports import Clock
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("tariffs")

TARIFFS_KEPT = 256


#: Tariffs that were put together, by the revisions that they are made of.
KeptTariffs = dict[tuple[int | None, int | None], Tariff]


class PostgresTariffs:
    """The ``Tariffs`` port.

    Args:
        kept: shared with others of the same database.
    """

    def __init__(self, database: Database, clock: Clock, kept: KeptTariffs | None = None) -> None:
        self._database = database
        self._clock = clock
        self._tariffs: KeptTariffs = {} if kept is None else kept

    async def import_revision(self, name: str, effective_from: datetime, rates: Sequence[Rate]) -> int:
        """Keep rates as a tariff's revision from a date on; the first tariff ever is the default."""
        at = self._clock.now()
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["name_tariff"], {"name": name, "at": at})
            row = await cursor.fetchone()
            assert row is not None, "the statement always returns a row"
            values = {"tariff_id": row[0], "effective_from": effective_from, "at": at}
            row = await (await connection.execute(SQL["new_revision"], values)).fetchone()
            if row is None:
                raise AlreadyExists(f"tariff {name} has a revision from {effective_from.isoformat()} already")
            revision: int = row[0]
            columns = {
                "revision": revision,
                "products": [rate.product for rate in rates],
                "prefixes": [rate.prefix for rate in rates],
                "prices": [rate.price_micros for rate in rates],
                "connections": [rate.connection_micros for rate in rates],
                "minimums": [rate.minimum_s for rate in rates],
                "increments": [rate.increment_s for rate in rates],
            }
            await connection.execute(SQL["new_rates"], columns)
        return revision

    async def tariff(self, own: int | None, default: int | None) -> Tariff:
        """Put together what an account pays; what was put together stays in memory."""
        kept = self._tariffs.get((own, default))
        if kept is None:
            ranked = [revision for revision in (own, default) if revision is not None]
            kept = Tariff(tuple([await self._table(revision) for revision in ranked]))
            if len(self._tariffs) >= TARIFFS_KEPT:
                self._tariffs.clear()
            self._tariffs[own, default] = kept
        return kept

    async def in_force(self, name: str | None) -> RateTable:
        """Read the revision of a tariff in force now, the default's where no name is given."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(SQL["revision_in_force"], {"name": name, "at": self._clock.now()})
            row = await cursor.fetchone()
        if row is None:
            raise NotFound(f"no revision of tariff {name or '(default)'} is in force")
        return await self._table(row[0])

    async def revisions(self) -> Sequence[tuple[str, bool, datetime, int]]:
        """List tariffs: name, whether it is the default, effective from, number of rates."""
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL["revisions"])).fetchall()
        return [(name, is_default, effective_from, rates) for name, is_default, effective_from, rates in rows]

    async def assign(self, account: str, tariff: str | None) -> None:
        """Give an account its own tariff, or the default alone."""
        async with self._database.transaction() as connection:
            if tariff is not None:
                cursor = await connection.execute(SQL["tariff_id"], {"name": tariff})
                if await cursor.fetchone() is None:
                    raise NotFound(f"there is no tariff {tariff}")
            cursor = await connection.execute(SQL["assign_tariff"], {"account": account, "tariff": tariff})
            if await cursor.fetchone() is None:
                raise NotFound(f"there is no account {account}")

    async def keep_draft(self, draft: Draft) -> None:
        """Keep a file until it is imported."""
        values = {"id": draft.id, "name": draft.name, "effective_from": draft.effective_from, "file": draft.file}
        async with self._database.connection() as connection:
            await connection.execute(SQL["keep_draft"], {**values, "at": self._clock.now()})

    async def draft(self, draft: str) -> Draft:
        """Read a file that waits."""
        return await self._draft("draft", draft)

    async def take_draft(self, draft: str) -> Draft:
        """Read a file that waits, which waits no more."""
        return await self._draft("take_draft", draft)

    async def forget_drafts(self) -> None:
        """Drop files that nobody has imported."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["forget_drafts"], {"after": self._clock.now() - DRAFT_KEPT})

    async def _draft(self, query: str, draft: str) -> Draft:
        values = {"id": draft, "after": self._clock.now() - DRAFT_KEPT}
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL[query], values)).fetchone()
        if row is None:
            raise NotFound("there is no such file any more")
        return Draft(*row)

    async def _table(self, revision: int) -> RateTable:
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["revision"], {"revision": revision})).fetchone()
            if row is None:
                raise NotFound(f"there is no tariff revision {revision}")
            rates = await (await connection.execute(SQL["rates"], {"revision": revision})).fetchall()
        revision_id, name, effective_from = row
        priced = tuple(Rate(Product(product), *others) for product, *others in rates)
        return RateTable(revision_id, name, effective_from, priced)
