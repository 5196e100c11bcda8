"""The ledger in PostgreSQL: every command locks its accounts, takes lapsed grants, then acts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from portevoix.domain.errors import (
    HoldExceeded,
    IdempotencyConflict,
    InsufficientCredit,
    NotFound,
    NotRelated,
)
from portevoix.domain.ids import parse_idempotency_key
from portevoix.domain.ledger import (
    OF_CALLS,
    PAID,
    GrantKind,
    GrantTerms,
    Held,
    Kind,
    Posted,
    Reserve,
    Resolve,
    Resolved,
    Sought,
    StatementLine,
    Violation,
)
from portevoix.domain.money import positive
from portevoix.ports import Clock
from portevoix.store.database import Connection, Database
from portevoix.store.holds import Holds
from portevoix.store.sql import queries

SQL = queries("ledger")
CHECKS = queries("check")

STATEMENT_PAGE = 1000

#: By how much the clocks of nodes may differ before a line at the edge of a range of dates is missed.
CLOCKS_DIFFER = timedelta(hours=1)

LARGEST_ID = 2**63 - 1


class PostgresLedger:
    """The ``Ledger`` port.

    Args:
        database: where the ledger is.
        clock: dates transfers and tells what has lapsed.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._holds = Holds(database, clock)

    async def reserve(self, command: Reserve) -> Held:
        """Open a hold."""
        return await self._holds.reserve(command)

    async def resolve(self, command: Resolve) -> Resolved:
        """End a hold."""
        return await self._holds.resolve(command)

    async def reserve_all(self, commands: Sequence[Reserve]) -> Sequence[Held]:
        """Open holds, all or none."""
        return await self._holds.reserve_all(commands)

    async def resolve_all(self, commands: Sequence[Resolve]) -> Sequence[Resolved]:
        """End holds, all or none."""
        return await self._holds.resolve_all(commands)

    async def credit(
        self, account_id: int, kind: Kind, amount_micros: int, terms: GrantTerms, key: str, reason: str | None
    ) -> Posted:
        """Give credit: a top-up or a credit adjustment."""
        entry = _Entry(account_id, kind, positive(amount_micros), key, reason, terms=terms)
        async with self._database.transaction() as connection:
            at = await self._begin(connection, [account_id])
            return await _posted_before(connection, entry) or await _credit(connection, entry, at)

    async def refund(self, hold_id: int, amount_micros: int, key: str, reason: str | None) -> Posted:
        """Give back credit that a hold settled, as paid credit that does not lapse."""
        async with self._database.transaction() as connection:
            found = await _row(connection, "hold_account", {"hold_id": hold_id})
            if found is None:
                raise NotFound(f"there is no hold {hold_id}")
            entry = _Entry(found[0], Kind.REFUND, positive(amount_micros), key, reason, terms=PAID, hold_id=hold_id)
            at = await self._begin(connection, [entry.account_id])
            before = await _posted_before(connection, entry)
            if before is not None:
                return before
            asked = {"hold_id": hold_id, "amount": amount_micros}
            taken = await _row(connection, "take_refund", asked) or await _row(connection, "take_refund_of_past", asked)
            if taken is None:
                raise HoldExceeded(f"hold {hold_id} has not settled that much")
            return await _credit(connection, entry, at)

    async def debit(self, account_id: int, amount_micros: int, key: str, reason: str) -> Posted:
        """Take credit away: a debit adjustment."""
        entry = _Entry(account_id, Kind.ADJUSTMENT_DEBIT, positive(amount_micros), key, reason)
        async with self._database.transaction() as connection:
            at = await self._begin(connection, [account_id])
            return await _posted_before(connection, entry) or await _debit(connection, entry, at)

    async def allot(self, giver_id: int, receiver_id: int, amount_micros: int, key: str, reason: str | None) -> Posted:
        """Move credit between a parent and its sub-account; grants keep their kind and expiry."""
        entry = _Entry(giver_id, Kind.ALLOTMENT_OUT, positive(amount_micros), key, reason, counterpart_id=receiver_id)
        async with self._database.transaction() as connection:
            at = await self._begin(connection, [giver_id, receiver_id])
            await _must_be_related(connection, giver_id, receiver_id)
            before = await _posted_before(connection, entry)
            if before is not None:
                return before
            posted = await _debit(connection, entry, at)
            values = {
                "account_id": receiver_id,
                "transfer_id": posted.transfer_id,
                "amount": amount_micros,
                "reason": reason,
                "at": at,
            }
            await connection.execute(SQL["receive_allotment"], values)
            return posted

    async def available(self, account_id: int) -> int:
        """Lock an account, take what has lapsed, and tell its available credit."""
        async with self._database.transaction() as connection:
            await self._begin(connection, [account_id])
            row = await _row(connection, "balance", {"account_id": account_id})
        return row[0] if row else 0

    async def balance(self, account_id: int) -> tuple[int, int]:
        """Tell what may be spent and what is set aside."""
        async with self._database.connection() as connection:
            row = await _row(connection, "unlapsed_balance", {"account_id": account_id, "at": self._clock.now()})
        return (row[0], row[1]) if row else (0, 0)

    async def expire_due(self) -> int:
        """Take what is left of lapsed grants, an account a transaction."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(SQL["accounts_to_expire"], {"at": self._clock.now()})
            due: list[int] = [account_id for (account_id,) in await cursor.fetchall()]
        for account_id in due:
            async with self._database.transaction() as connection:
                await self._begin(connection, [account_id])
        return len(due)

    async def statement(self, account_id: int, after_id: int = 0) -> AsyncIterator[StatementLine]:
        """Read an account's transfers, oldest first, a page at a time."""
        while True:
            asked = {"account_id": account_id, "after_id": after_id, "most": STATEMENT_PAGE}
            async with self._database.connection() as connection:
                rows = await (await connection.execute(SQL["statement"], asked)).fetchall()
            for transfer_id, at, kind, *others in rows:
                yield StatementLine(transfer_id, at, Kind(kind), *others)
            if len(rows) < STATEMENT_PAGE:
                return
            after_id = rows[-1][0]

    async def newest(
        self, account_id: int, sought: Sought, before_id: int | None, most: int
    ) -> Sequence[tuple[StatementLine, str | None]]:
        """Read an account's transfers, the newest first, each with the call that it was for."""
        kinds = sought.kinds
        query = "newest_seldom_transfers" if kinds is not None and not kinds & OF_CALLS else "newest_transfers"
        async with self._database.connection() as connection:
            from_id = await _first_from(connection, account_id, sought.first, -CLOCKS_DIFFER) or 0
            until_id = await _first_from(connection, account_id, sought.until, CLOCKS_DIFFER) or LARGEST_ID
            values = {
                "account_id": account_id,
                "kinds": None if kinds is None else sorted(kinds),
                "from_id": from_id,
                "before_id": until_id if before_id is None else min(before_id, until_id),
                "first": sought.first,
                "until": sought.until,
                "most": most,
            }
            found = await (await connection.execute(SQL[query], values)).fetchall()
            asked = {"transfers": [transfer_id for (transfer_id,) in found]}
            rows = await (await connection.execute(SQL["lines"], asked)).fetchall()
        return [(StatementLine(number, at, Kind(kind), *rest), call) for number, at, kind, *rest, call in rows]

    async def spending(self, account_id: int, first: date, zone: str) -> Mapping[date, int]:
        """Tell what each day cost from a first one on."""
        values = {"account_id": account_id, "first": first, "zone": zone}
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL["spending"], values)).fetchall()
        return dict(rows)

    async def check(self) -> Sequence[Violation]:
        """Run every invariant's query on one snapshot, so that a ledger at work can be proved too."""
        found: list[Violation] = []
        async with self._database.transaction() as connection:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            await connection.execute("SET LOCAL statement_timeout = 0")  # a large ledger takes its time
            await connection.execute(SQL["keep_past"])
            for invariant, query in CHECKS.items():
                rows = await (await connection.execute(query)).fetchall()
                found += [Violation(invariant, row, detail) for row, detail in rows]
        return found

    async def _begin(self, connection: Connection, accounts: list[int]) -> datetime:
        """Lock the accounts of a command and take what has lapsed; returns the command's time."""
        await connection.execute(SQL["lock_accounts"], {"accounts": accounts})
        at = self._clock.now()
        await connection.execute(SQL["expire"], {"accounts": accounts, "at": at})
        return at


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a command wants posted on its first account; a repeat must want the same."""

    account_id: int
    kind: Kind
    amount_micros: int
    key: str
    reason: str | None
    terms: GrantTerms | None = None
    hold_id: int | None = None
    counterpart_id: int | None = None

    def __post_init__(self) -> None:
        parse_idempotency_key(self.key)


async def _row(connection: Connection, query: str, values: dict[str, Any]) -> tuple[Any, ...] | None:
    return await (await connection.execute(SQL[query], values)).fetchone()


async def _first_from(
    connection: Connection, account_id: int, moment: datetime | None, margin: timedelta
) -> int | None:
    """Find from which number on an account's transfers are of a moment or later; ``None`` for no moment."""
    if moment is None:
        return None
    row = await _row(connection, "first_transfer_from", {"account_id": account_id, "moment": moment + margin})
    return row[0] if row else None


async def _posted_before(connection: Connection, entry: _Entry) -> Posted | None:
    """Find the first answer to a repeated command."""
    row = await _row(connection, "posted_before", {"account_id": entry.account_id, "key": entry.key})
    if row is None:
        return None
    (
        transfer_id,
        after_micros,
        kind,
        amount_micros,
        reason,
        grant_kind,
        expires_at,
        hold_id,
        counterpart_id,
    ) = row
    terms = GrantTerms(GrantKind(grant_kind), expires_at) if grant_kind else None
    first = _Entry(entry.account_id, Kind(kind), amount_micros, entry.key, reason, terms, hold_id, counterpart_id)
    if first != entry:
        raise IdempotencyConflict("the idempotency key was used for another command")
    return Posted(transfer_id, after_micros, repeated=True)


async def _credit(connection: Connection, entry: _Entry, at: datetime) -> Posted:
    assert entry.terms is not None, "credit is given on terms"
    values = {
        "account_id": entry.account_id,
        "kind": entry.kind,
        "amount": entry.amount_micros,
        "grant_kind": entry.terms.kind,
        "expires_at": entry.terms.expires_at,
        "hold_id": entry.hold_id,
        "key": entry.key,
        "reason": entry.reason,
        "at": at,
    }
    row = await _row(connection, "credit", values)
    if row is None:
        raise NotFound(f"there is no ledger account {entry.account_id}")
    return Posted(row[0], row[1], repeated=False)


async def _debit(connection: Connection, entry: _Entry, at: datetime) -> Posted:
    values = {
        "account_id": entry.account_id,
        "kind": entry.kind,
        "amount": entry.amount_micros,
        "key": entry.key,
        "reason": entry.reason,
        "at": at,
    }
    row = await _row(connection, "debit", values)
    if row is None:
        raise InsufficientCredit("the available credit is too low")
    return Posted(row[0], row[1], repeated=False)


async def _must_be_related(connection: Connection, giver_id: int, receiver_id: int) -> None:
    """Raise NotRelated unless one account is the other's parent, in the same mode."""
    cursor = await connection.execute(SQL["family"], {"accounts": [giver_id, receiver_id]})
    parents: dict[int, int | None] = dict(await cursor.fetchall())
    if len(parents) != 2:
        raise NotRelated("an allotment is between two different accounts")
    if parents[giver_id] != receiver_id and parents[receiver_id] != giver_id:
        raise NotRelated("credit moves only between a parent account and its own sub-account")
