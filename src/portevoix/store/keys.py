"""API keys in PostgreSQL, looked up in batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

from portevoix.domain.account import Access, ApiKey, KeyTerms, Network, Scope, State
from portevoix.domain.errors import NotFound
from portevoix.domain.ids import AccountRef, Mode
from portevoix.ports import Clock
from portevoix.store.accounts import allowance_of
from portevoix.store.batch import Batcher
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("keys")

MOST_IN_A_BATCH = 128
BATCHES_AT_ONCE = 1  # a lookup costs little beside its round trip: the larger the batch, the better


class PostgresKeys:
    """The ``Keys`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lookups = Batcher(self._access_all, most=MOST_IN_A_BATCH, at_once=BATCHES_AT_ONCE)
        self._used: dict[int, datetime] = {}

    async def create(self, public_id: str, account_id: int, digest: bytes, hint: str, terms: KeyTerms) -> None:
        """Keep a new key."""
        values = {
            "public_id": public_id,
            "account_id": account_id,
            "digest": digest,
            "hint": hint,
            "name": terms.name,
            "scopes": sorted(terms.scopes),
            "allowed": [str(network) for network in terms.allowed] or None,
            "at": self._clock.now(),
            "expires_at": terms.expires_at,
        }
        async with self._database.connection() as connection:
            await connection.execute(SQL["new_key"], values)

    async def list(self, account: str | None = None, key: str | None = None) -> Sequence[ApiKey]:
        """Read the keys of an account in both modes, or one key."""
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL["keys"], {"account": account, "key": key})).fetchall()
        return [_key(row) for row in rows]

    async def revoke(self, key: str) -> None:
        """End a key at once; a second time changes nothing."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(SQL["revoke_key"], {"key": key, "at": self._clock.now()})
            if await cursor.fetchone() is None:
                raise NotFound(f"there is no key {key}")

    async def expire(self, key: str, expires_at: datetime) -> tuple[int, KeyTerms]:
        """End a valid key at a moment, or earlier if it ends earlier."""
        values = {"key": key, "expires_at": expires_at, "at": self._clock.now()}
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["expire_key"], values)).fetchone()
        if row is None:
            raise NotFound(f"there is no valid key {key}")
        account_id, name, scopes, allowed, would_expire_at = row
        return account_id, KeyTerms(name, _scopes(tuple(scopes)), _networks(allowed), would_expire_at)

    async def access(self, digest: bytes) -> Access | None:
        """Read what a valid key leads to; concurrent lookups share a round trip."""
        access = await self._lookups.submit(digest)
        if access is not None and access.key_id is not None:
            self._used[access.key_id] = self._clock.now()
        return access

    async def keep_last_used(self) -> None:
        """Write down when keys were used since the last time; their times are kept on a failure."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            async with self._database.connection() as connection:
                await connection.execute(SQL["touch_keys"], {"ids": list(used), "times": list(used.values())})
        except Exception:
            self._used = used | self._used
            raise

    async def _access_all(self, digests: Sequence[bytes]) -> Sequence[Access | Exception | None]:
        values = {"digests": list(set(digests)), "at": self._clock.now()}
        async with self._database.connection() as connection:
            cursor = await connection.execute(SQL["access"], values, binary=True)
            found: dict[bytes, Access] = {row[0]: _access(row) for row in await cursor.fetchall()}
        return [found.get(digest) for digest in digests]


def _access(row: tuple[Any, ...]) -> Access:
    _, key_id, account_id, state, scopes, allowed, available_micros, own, default, mode, offset_s, *allowance = row
    return Access(
        key_id,
        account_id,
        State(state),
        _scopes(tuple(scopes)),
        _networks(allowed) if allowed else (),
        available_micros,
        own,
        default,
        Mode(mode),
        offset_s,
        allowance_of(*allowance),
    )


def _key(row: tuple[Any, ...]) -> ApiKey:
    public_id, account, mode, name, hint, scopes, allowed, *times = row
    ref = AccountRef(account, Mode(mode))
    return ApiKey(public_id, ref, name, hint, _scopes(tuple(scopes)), _networks(allowed), *times)


@lru_cache(maxsize=16)
def _scopes(names: tuple[str, ...]) -> frozenset[Scope]:
    return frozenset(map(Scope, names))


def _networks(texts: Iterable[str] | None) -> tuple[Network, ...]:
    return tuple(map(ip_network, texts or ()))
