"""Accounts, keys, credit, tariffs and limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from portevoix.domain.account import Access, Account, ApiKey, Event, KeyTerms, Scope, State
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.ledger import (
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
from portevoix.domain.limit import Allowance, Limit
from portevoix.domain.safety import Cap
from portevoix.domain.tariff import Draft, Rate, RateTable, Tariff


class Accounts(Protocol):
    """Accounts and their sandbox twins."""

    async def create(self, public_id: str, name: str, parent: str | None) -> Mapping[Mode, int]:
        """Open an account and its twin; returns each mode's ledger account.

        Raises:
            AlreadyExists: the id is taken.
            NotFound: the parent.
        """

    async def find(self, ref: AccountRef) -> Account:
        """Read one account. Raises NotFound."""

    async def access(self, ref: AccountRef, scopes: frozenset[Scope]) -> Access:
        """Read what somebody who is signed in may do with an account. Raises NotFound."""

    async def list(self) -> Sequence[Account]:
        """Read all accounts, oldest first."""

    async def search(self, text: str, before: int | None, most: int, parent: str | None = None) -> Sequence[Account]:
        """Read live accounts, the newest first.

        Args:
            text: that the name or the id has in it, whatever its case.
            before: the number of the account from before which on.
            parent: whose sub-accounts alone.
        """

    async def set_state(self, ref: AccountRef, state: State) -> None:
        """Change the state; a live account's goes for its twin too. Raises NotFound."""

    async def set_low_balance(self, ref: AccountRef, threshold_micros: int | None) -> None:
        """Change the credit below which an event is recorded. Raises NotFound."""

    async def set_own_cap(self, ref: AccountRef, cap: Cap | None) -> None:
        """Change a live account's own cap; ``None`` for none. Raises NotFound."""

    async def set_own_countries(self, ref: AccountRef, countries: frozenset[str] | None) -> None:
        """Change which countries a live account may call at most; ``None`` for all. Raises NotFound."""

    async def events(self, account_id: int, after_id: int = 0) -> Sequence[Event]:
        """Read a page of what happened to an account, oldest first: what is read later never belongs before it."""

    async def has_events_held_back(self, account_id: int) -> bool:
        """Tell whether there are events that a transaction under way may still come before; they are read soon."""

    async def last_event(self, account_id: int) -> int:
        """Name the last thing that happened to an account; 0 for none."""


class Keys(Protocol):
    """API keys, known by the digest of their secret."""

    async def create(self, public_id: str, account_id: int, digest: bytes, hint: str, terms: KeyTerms) -> None:
        """Keep a new key."""

    async def list(self, account: str | None = None, key: str | None = None) -> Sequence[ApiKey]:
        """Read the keys of an account in both modes, or one key."""

    async def revoke(self, key: str) -> None:
        """End a key at once. Raises NotFound."""

    async def expire(self, key: str, expires_at: datetime) -> tuple[int, KeyTerms]:
        """End a valid key at a moment, if not before; returns its account and terms. Raises NotFound."""

    async def access(self, digest: bytes) -> Access | None:
        """Read what a valid key leads to; ``None`` for a wrong, expired or revoked one."""


class Ledger(Protocol):
    """Credit, moved by transfers alone. Each method is one transaction; a repeat gets the first answer."""

    async def reserve(self, command: Reserve) -> Held:
        """Open a hold. Raises InsufficientCredit, AccountDisabled, AccountBlocked, IdempotencyConflict, NotFound."""

    async def resolve(self, command: Resolve) -> Resolved:
        """End a hold. Raises HoldExceeded, HoldResolved, NotFound."""

    async def reserve_all(self, commands: Sequence[Reserve]) -> Sequence[Held]:
        """Open holds, all or none. Raises as ``reserve`` does, for the first that is refused."""

    async def resolve_all(self, commands: Sequence[Resolve]) -> Sequence[Resolved]:
        """End holds, all or none. Raises as ``resolve`` does, for the first that is refused."""

    async def credit(
        self, account_id: int, kind: Kind, amount_micros: int, terms: GrantTerms, key: str, reason: str | None
    ) -> Posted:
        """Give credit: a top-up or a credit adjustment. Raises IdempotencyConflict, InvalidValue (over the bound)."""

    async def refund(self, hold_id: int, amount_micros: int, key: str, reason: str | None) -> Posted:
        """Give back credit that a hold settled. Raises HoldExceeded, IdempotencyConflict, NotFound."""

    async def debit(self, account_id: int, amount_micros: int, key: str, reason: str) -> Posted:
        """Take credit away: a debit adjustment. Raises InsufficientCredit, IdempotencyConflict."""

    async def allot(self, giver_id: int, receiver_id: int, amount_micros: int, key: str, reason: str | None) -> Posted:
        """Move credit between parent and sub-account. Raises NotRelated, InsufficientCredit, IdempotencyConflict."""

    async def available(self, account_id: int) -> int:
        """Lock an account in a unit of work, take what has lapsed, and tell its available credit."""

    async def balance(self, account_id: int) -> tuple[int, int]:
        """Tell what may be spent and what is set aside, of one moment; what has lapsed is neither."""

    async def expire_due(self) -> int:
        """Take what is left of lapsed grants, everywhere; returns how many accounts were looked at."""

    def statement(self, account_id: int, after_id: int = 0) -> AsyncIterator[StatementLine]:
        """Read an account's transfers, oldest first, from after one on."""

    async def newest(
        self, account_id: int, sought: Sought, before_id: int | None, most: int
    ) -> Sequence[tuple[StatementLine, str | None]]:
        """Read an account's transfers, the newest first, each with the public id of the call that it was for."""

    async def spending(self, account_id: int, first: date, zone: str) -> Mapping[date, int]:
        """Tell what each day cost from a first one, in micro-euros: settled less refunded; days without are left out.

        Args:
            zone: of time, by whose midnights days are told apart.
        """

    async def check(self) -> Sequence[Violation]:
        """Prove the ledger's invariants on one snapshot; returns every row that breaks one."""


class Tariffs(Protocol):
    """Tariffs and their dated revisions."""

    async def import_revision(self, name: str, effective_from: datetime, rates: Sequence[Rate]) -> int:
        """Keep rates as a tariff's revision from a date on. Raises AlreadyExists (a revision of that date)."""

    async def tariff(self, own: int | None, default: int | None) -> Tariff:
        """Put together what an account pays, of its own revision and the default's. Raises NotFound."""

    async def in_force(self, name: str | None) -> RateTable:
        """Read the revision of a tariff in force now, the default's where no name is given. Raises NotFound."""

    async def revisions(self) -> Sequence[tuple[str, bool, datetime, int]]:
        """List tariffs: name, whether it is the default, effective from, number of rates."""

    async def keep_draft(self, draft: Draft) -> None:
        """Keep a file until it is imported, for a day at most."""

    async def draft(self, draft: str) -> Draft:
        """Read a file that waits. Raises NotFound."""

    async def take_draft(self, draft: str) -> Draft:
        """Read a file that waits, which waits no more. Raises NotFound."""

    async def forget_drafts(self) -> None:
        """Drop files that nobody has imported."""

    async def assign(self, account: str, tariff: str | None) -> None:
        """Give an account its own tariff, or the default alone. Raises NotFound."""


class Limits(Protocol):
    """Counts requests against rate limits."""

    async def count(self, caller: str, limit: Limit) -> Allowance:
        """Count one request of a caller."""
