"""People who use the console, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from portevoix.domain.errors import AlreadyExists, NotFound
from portevoix.domain.mail import EmailAddress
from portevoix.domain.person import Language, Person, Role
from portevoix.ports import Clock
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("people")


class PostgresPeople:
    """The ``People`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, public_id: str, email: EmailAddress, role: Role, account: str | None) -> Person:
        """Keep a new person."""
        values = {"public_id": public_id, "email": email.text, "role": role, "account": account}
        if not await self._rows("new_person", values):
            raise AlreadyExists(f"somebody has the address {email} already")
        return await self.find(public_id)

    async def find(self, person: str) -> Person:
        """Read one person by public id."""
        rows = await self._rows("person", {"public_id": person, "email": None})
        if not rows:
            raise NotFound("there is nobody of that id")
        return person_of(rows[0][:-1])

    async def by_email(self, email: EmailAddress) -> tuple[Person, str | None] | None:
        """Read one person and the password's hash."""
        rows = await self._rows("person", {"public_id": None, "email": email.text})
        return (person_of(rows[0][:-1]), rows[0][-1]) if rows else None

    async def list(self, account: str | None = None) -> Sequence[Person]:
        """Read the people of an account, or all, by address."""
        return [person_of(row) for row in await self._rows("people", {"account": account})]

    async def set_password(self, person_id: int, password_hash: str) -> None:
        """Keep another password; every session and invitation of the person ends."""
        await self._end_all("set_password", {"person_id": person_id, "hash": password_hash})

    async def set_language(self, person_id: int, language: Language) -> None:
        """Keep the language that was chosen."""
        await self._rows("set_language", {"person_id": person_id, "language": language})

    async def set_role(self, person_id: int, role: Role) -> None:
        """Let somebody of an account change things, or see them alone."""
        if not await self._rows("set_role", {"person_id": person_id, "role": role}):
            raise NotFound("an operator stays one")

    async def set_totp(self, person_id: int, generation: int, *, is_on: bool) -> None:
        """Keep whether codes are asked for, and of which secret."""
        await self._rows("set_totp", {"person_id": person_id, "generation": generation, "is_on": is_on})

    async def use_code(self, person_id: int, counter: int) -> bool:
        """Take a one-time code by the number of its time step."""
        return bool(await self._rows("use_code", {"person_id": person_id, "counter": counter}))

    async def set_disabled(self, person_id: int, *, is_disabled: bool) -> None:
        """Shut a person out, whose sessions end, or let it in again."""
        await self._end_all("set_disabled", {"person_id": person_id, "is_disabled": is_disabled})

    async def invite(self, person_id: int, digest: bytes, expires_at: datetime) -> None:
        """Keep a link, in place of any before."""
        await self._rows("invite", {"person_id": person_id, "digest": digest, "expires_at": expires_at})

    async def invited(self, digest: bytes) -> Person | None:
        """Read whom a link that is still good was made for."""
        rows = await self._rows("invited", {"digest": digest})
        return person_of(rows[0]) if rows else None

    async def take_invitation(self, digest: bytes) -> int | None:
        """Take a link that is still good; returns whom it was made for."""
        rows = await self._rows("take_invitation", {"digest": digest})
        return rows[0][0] if rows else None

    async def _end_all(self, query: str, values: dict[str, Any]) -> None:
        """Change a person, whose sessions and invitations end."""
        async with self._database.transaction() as connection:
            await connection.execute(SQL[query], values)
            await connection.execute(SQL["end_all"], values)

    async def _rows(self, query: str, values: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
        async with self._database.connection() as connection:
            cursor = await connection.execute(SQL[query], {"at": self._clock.now(), **values})
            return await cursor.fetchall() if cursor.description else []


def person_of(row: Sequence[Any]) -> Person:
    """Read a row's person."""
    number, public_id, email, role, account, language, *rest = row
    return Person(
        number, public_id, EmailAddress(email), Role(role), account, Language(language) if language else None, *rest
    )
