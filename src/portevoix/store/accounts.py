"""Accounts in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from portevoix.domain.account import Access, Account, Event, Scope, State
from portevoix.domain.errors import AlreadyExists, NotFound
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.safety import Cap, OwnAllowance, parse_cap, parse_countries, write_countries
from portevoix.ports import Clock
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("accounts")

EVENTS_PAGE = 100


class PostgresAccounts:
    """The ``Accounts`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, public_id: str, name: str, parent: str | None) -> Mapping[Mode, int]:
        """Open an account and its twin."""
        if parent is not None:
            await self.find(AccountRef(parent))
        values = {"public_id": public_id, "name": name, "parent": parent, "at": self._clock.now()}
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL["new_account"], values)).fetchall()
        if not rows:
            raise AlreadyExists(f"there is an account {public_id} already")
        return {Mode(mode): account_id for account_id, mode in rows}

    async def find(self, ref: AccountRef) -> Account:
        """Read one account."""
        values = {"public_id": ref.public_id, "mode": ref.mode, "at": self._clock.now()}
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["account_by_ref"], values)).fetchone()
        if row is None:
            raise NotFound(f"there is no account {ref}")
        return _account(row)

    async def access(self, ref: AccountRef, scopes: frozenset[Scope]) -> Access:
        """Read what somebody who is signed in may do with an account."""
        values = {"public_id": ref.public_id, "mode": ref.mode, "at": self._clock.now()}
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["access_of_account"], values)).fetchone()
        if row is None:
            raise NotFound(f"there is no account {ref}")
        account_id, state, available, own, default, offset_s, *allowance = row
        told = (ref.mode, offset_s, allowance_of(*allowance))
        return Access(None, account_id, State(state), scopes, (), available, own, default, *told)

    async def list(self) -> Sequence[Account]:
        """Read all accounts, oldest first."""
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL["accounts"], {"at": self._clock.now()})).fetchall()
        return [_account(row) for row in rows]

    async def search(self, text: str, before: int | None, most: int, parent: str | None = None) -> Sequence[Account]:
        """Read live accounts, the newest first."""
        values = {"text": text, "before": before, "most": most, "parent": parent, "at": self._clock.now()}
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL["search_accounts"], values)).fetchall()
        return [_account(row) for row in rows]

    async def set_state(self, ref: AccountRef, state: State) -> None:
        """Change the state; a live account's goes for its twin too."""
        await self._change("set_state", ref, {"state": state})

    async def set_low_balance(self, ref: AccountRef, threshold_micros: int | None) -> None:
        """Change the credit below which an event is recorded."""
        await self._change("set_low_balance", ref, {"threshold": threshold_micros})

    async def set_own_cap(self, ref: AccountRef, cap: Cap | None) -> None:
        """Change a live account's own cap."""
        await self._change("set_own_cap", ref, {"cap": None if cap is None else str(cap)})

    async def set_own_countries(self, ref: AccountRef, countries: frozenset[str] | None) -> None:
        """Change which countries a live account may call at most."""
        text = None if countries is None else write_countries(countries)
        await self._change("set_own_countries", ref, {"countries": text})

    async def events(self, account_id: int, after_id: int = 0) -> Sequence[Event]:
        """Read a page of what happened to an account, oldest first."""
        values = {"account_id": account_id, "after_id": after_id, "most": EVENTS_PAGE}
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL["events"], values)).fetchall()
        return [Event(*row) for row in rows]

    async def has_events_held_back(self, account_id: int) -> bool:
        """Tell whether there are events that a transaction under way may still come before."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["events_held_back"], {"account_id": account_id})).fetchone()
        return row is not None and row[0]

    async def last_event(self, account_id: int) -> int:
        """Name the last thing that happened to an account."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["last_event"], {"account_id": account_id})).fetchone()
        return row[0] if row else 0

    async def _change(self, query: str, ref: AccountRef, values: dict[str, Any]) -> None:
        values = {"public_id": ref.public_id, "mode": ref.mode, **values}
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL[query], values)).fetchone()
        if row is None:
            raise NotFound(f"there is no account {ref}")


@lru_cache(maxsize=1024)
def allowance_of(cap: str | None, countries: str | None) -> OwnAllowance:
    """Read what an account has of its own as it is kept: as settings are written."""
    return OwnAllowance(
        None if cap is None else parse_cap(cap), None if countries is None else parse_countries(countries)
    )


def _account(row: tuple[Any, ...]) -> Account:
    account_id, public_id, mode, name, state, *others, cap, countries = row
    others.append(allowance_of(cap, countries))
    return Account(account_id, AccountRef(public_id, Mode(mode)), name, State(state), *others)
