"""Credit, as operators and senders move it: every movement is a transfer of the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from portevoix.domain.account import parse_reason
from portevoix.domain.errors import InvalidValue
from portevoix.domain.ids import AccountRef
from portevoix.domain.ledger import (
    PAID,
    GrantTerms,
    Held,
    Kind,
    Posted,
    Reserve,
    Resolve,
    Resolved,
    StatementLine,
    Violation,
)
from portevoix.ports import House


async def reserve(house: House, account_id: int, amount_micros: int, key: str) -> Held:
    """Set aside the most that something can cost.

    Raises:
        InsufficientCredit, AccountDisabled, AccountBlocked, IdempotencyConflict, NotFound, InvalidValue.
    """
    return await house.ledger.reserve(Reserve(account_id, amount_micros, key))


async def settle(house: House, hold_id: int, used_micros: int) -> Resolved:
    """End a hold: take what was used, release the rest. Raises HoldExceeded, HoldResolved, NotFound."""
    return await house.ledger.resolve(Resolve(hold_id, used_micros))


async def release(house: House, hold_id: int) -> Resolved:
    """End a hold that was not used. Raises HoldResolved, NotFound."""
    return await house.ledger.resolve(Resolve(hold_id, 0))


async def top_up(
    house: House,
    account: AccountRef,
    amount_micros: int,
    key: str,
    *,
    terms: GrantTerms = PAID,
    reason: str | None = None,
) -> Posted:
    """Add credit to an account. Raises NotFound, InvalidValue, IdempotencyConflict."""
    _must_not_have_lapsed(house, terms)
    found = await house.accounts.find(account)
    return await house.ledger.credit(found.id, Kind.TOP_UP, amount_micros, terms, key, parse_reason(reason))


async def refund(house: House, hold_id: int, amount_micros: int, key: str, *, reason: str | None = None) -> Posted:
    """Give back credit that was settled. Raises HoldExceeded, NotFound, InvalidValue, IdempotencyConflict."""
    return await house.ledger.refund(hold_id, amount_micros, key, parse_reason(reason))


async def adjust(house: House, account: AccountRef, change_micros: int, key: str, reason: str) -> Posted:
    """Correct an account's credit, up or down, with a reason that the statement shows.

    Raises:
        InsufficientCredit: it would fall below 0.
        NotFound, InvalidValue, IdempotencyConflict.
    """
    told = parse_reason(reason)
    if told is None:
        raise InvalidValue("an adjustment needs a reason")
    found = await house.accounts.find(account)
    if change_micros < 0:
        return await house.ledger.debit(found.id, -change_micros, key, told)
    return await house.ledger.credit(found.id, Kind.ADJUSTMENT_CREDIT, change_micros, PAID, key, told)


async def allot(
    house: House,
    giver: AccountRef,
    receiver: AccountRef,
    amount_micros: int,
    key: str,
    reason: str | None = None,
) -> Posted:
    """Move credit from a parent to its sub-account, or back. Raises NotRelated, InsufficientCredit, NotFound."""
    from_account = await house.accounts.find(giver)
    to_account = await house.accounts.find(receiver)
    return await house.ledger.allot(from_account.id, to_account.id, amount_micros, key, parse_reason(reason))


async def expire_due(house: House) -> int:
    """Take what is left of lapsed credit; a command on an account does so by itself."""
    return await house.ledger.expire_due()


async def statement(house: House, account: AccountRef) -> AsyncIterator[StatementLine]:
    """Read an account's transfers, oldest first. Raises NotFound."""
    found = await house.accounts.find(account)
    async for line in house.ledger.statement(found.id):
        yield line


async def check_ledger(house: House) -> Sequence[Violation]:
    """Prove the ledger's invariants; returns every row that breaks one."""
    return await house.ledger.check()


def _must_not_have_lapsed(house: House, terms: GrantTerms) -> None:
    if terms.expires_at is not None and terms.expires_at <= house.clock.now():
        raise InvalidValue("the credit would have expired already")
