"""Holds in PostgreSQL: reserves and resolves, batched, each batch one transaction in one round trip."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import NamedTuple, TypeVar

from portevoix.domain.account import State
from portevoix.domain.errors import (
    AccountBlocked,
    AccountDisabled,
    DomainError,
    HoldExceeded,
    HoldResolved,
    IdempotencyConflict,
    InsufficientCredit,
    NotFound,
)
from portevoix.domain.ledger import Held, Reserve, Resolve, Resolved
from portevoix.ports import Clock
from portevoix.store.batch import Batcher
from portevoix.store.database import Database
from portevoix.store.sql import queries

Answer = TypeVar("Answer")
Command = TypeVar("Command")

SQL = queries("holds")
ACCOUNTS = queries("ledger")

MOST_IN_A_BATCH = 256
BATCHES_AT_ONCE = 2


class Holds:
    """Opens and ends holds.

    Args:
        database: where the ledger is.
        clock: dates transfers and tells what has lapsed.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._reserves = Batcher(self._reserve_all, most=MOST_IN_A_BATCH, at_once=BATCHES_AT_ONCE)
        self._resolves = Batcher(self._resolve_all, most=MOST_IN_A_BATCH, at_once=BATCHES_AT_ONCE)

    async def reserve(self, command: Reserve) -> Held:
        """Open a hold; concurrent reserves share a transaction, but for those of a unit of work."""
        if self._database.in_unit_of_work:
            return _only(await self._reserve_all([command]))
        return await self._reserves.submit(command)

    async def resolve(self, command: Resolve) -> Resolved:
        """End a hold; concurrent resolves share a transaction, but for those of a unit of work."""
        if self._database.in_unit_of_work:
            return _only(await self._resolve_all([command]))
        return await self._resolves.submit(command)

    async def reserve_all(self, commands: Sequence[Reserve]) -> Sequence[Held]:
        """Open holds, all or none, in the caller's transaction or in one of their own."""
        return await self._all(commands, Holds._reserve_all)

    async def resolve_all(self, commands: Sequence[Resolve]) -> Sequence[Resolved]:
        """End holds, all or none, in the caller's transaction or in one of their own."""
        return await self._all(commands, Holds._resolve_all)

    async def _all(
        self,
        commands: Sequence[Command],
        run: Callable[[Holds, Sequence[Command]], Awaitable[list[Answer | Exception]]],
    ) -> Sequence[Answer]:
        if not commands:
            return []
        async with self._database.unit_of_work() as together:
            answers = await run(Holds(together, self._clock), commands)
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
        return [answer for answer in answers if not isinstance(answer, Exception)]

    async def _reserve_all(self, commands: Sequence[Reserve]) -> list[Held | Exception]:
        return await _in_rounds(commands, _place, self._reserve_round)

    async def _reserve_round(self, commands: Sequence[Reserve]) -> list[Held | Exception | None]:
        """Ask for reserves that all differ in place; ``None`` for one whose turn has yet to come."""
        accounts = list({command.account_id for command in commands})
        at = self._clock.now()
        async with self._database.command() as connection:
            await connection.execute(ACCOUNTS["lock_accounts"], {"accounts": accounts})
            asked = {
                "account_ids": [command.account_id for command in commands],
                "amounts": [command.amount_micros for command in commands],
                "keys": [command.idempotency_key for command in commands],
                "at": at,
            }
            cursor = await connection.execute(SQL["reserve"], asked)
            rows = {(row[0], row[1]): _ReserveRow(*row) for row in await cursor.fetchall()}
        lapsed = [place[0] for place, row in rows.items() if row.outcome == "lapsed"]
        if lapsed:
            await self._expire(lapsed)
        return [_held(command, rows[_place(command)]) for command in commands]

    async def _expire(self, accounts: list[int]) -> None:
        async with self._database.command() as connection:
            await connection.execute(ACCOUNTS["lock_accounts"], {"accounts": accounts})
            await connection.execute(ACCOUNTS["expire"], {"accounts": accounts, "at": self._clock.now()})

    async def _resolve_all(self, commands: Sequence[Resolve]) -> list[Resolved | Exception]:
        return await _in_rounds(commands, lambda command: command.hold_id, self._resolve_round)

    async def _resolve_round(self, commands: Sequence[Resolve]) -> list[Resolved | Exception | None]:
        """End holds that are all different, those alone whose accounts were locked: nobody else is ending them."""
        holds = [command.hold_id for command in commands]
        used = [command.used_micros for command in commands]
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["lock_accounts_of_holds"], {"holds": holds})
            locked = [account_id for (account_id,) in await cursor.fetchall()]
            asked = {"holds": holds, "used": used, "locked": locked, "at": self._clock.now()}
            cursor = await connection.execute(SQL["resolve"], asked)
            rows = {row[0]: _ResolveRow(*row) for row in await cursor.fetchall()}
        return [_resolved(command, rows[command.hold_id]) for command in commands]


async def _in_rounds(
    commands: Sequence[Command],
    place: Callable[[Command], Hashable],
    ask: Callable[[Sequence[Command]], Awaitable[Sequence[Answer | Exception | None]]],
) -> list[Answer | Exception]:
    """Answer commands in rounds, no two of one place in one round, so that a repeat is told what the first one did.

    Args:
        place: what a command is about; a second command about the same waits for the next round.
        ask: answers a round in one transaction; ``None`` sends a command to the next round.

    Raises:
        Exception: the first round failed, so that nothing was changed. Where a later one fails, those who still wait
            get its exception, and the others their answers.
    """
    answers: dict[int, Answer | Exception] = {}
    waiting = list(enumerate(commands))
    while waiting:
        turns = {place(command): (number, command) for number, command in reversed(waiting)}
        asked = sorted(turns.values(), key=lambda turn: turn[0])
        try:
            replies = await ask([command for _, command in asked])
        except Exception as problem:
            if not answers:
                raise
            answers |= dict.fromkeys((number for number, _ in waiting), problem)
            break
        answers |= {number: reply for (number, _), reply in zip(asked, replies, strict=True) if reply is not None}
        waiting = [(number, command) for number, command in waiting if number not in answers]
    return [answers[number] for number in range(len(commands))]


class _ReserveRow(NamedTuple):
    account_id: int
    key: str
    outcome: str
    hold_id: int
    held_micros: int
    available_after_micros: int


class _ResolveRow(NamedTuple):
    hold_id: int
    outcome: str
    amount_micros: int
    settled_micros: int
    available_after_micros: int


def _place(command: Reserve) -> tuple[int, str]:
    return command.account_id, command.idempotency_key


def _held(command: Reserve, row: _ReserveRow) -> Held | DomainError | None:
    match row.outcome:
        case "waiting" | "lapsed":
            return None
        case "unknown":
            return NotFound(f"there is no ledger account {command.account_id}")
        case State.DISABLED:
            return AccountDisabled("the account is disabled")
        case State.BLOCKED:
            return AccountBlocked("the account is blocked")
        case "refused":
            return InsufficientCredit("the available credit is too low")
    if row.held_micros != command.amount_micros:
        return IdempotencyConflict("the idempotency key was used for another amount")
    return Held(row.hold_id, row.available_after_micros, repeated=row.outcome == "repeated")


def _resolved(command: Resolve, row: _ResolveRow) -> Resolved | DomainError:
    match row.outcome:
        case "unknown":
            return NotFound(f"there is no hold {command.hold_id}")
        case "exceeded":
            return HoldExceeded(f"hold {command.hold_id} is smaller than that")
    if row.settled_micros != command.used_micros:
        return HoldResolved(f"hold {command.hold_id} was resolved before, with another amount")
    released_micros = row.amount_micros - row.settled_micros
    return Resolved(row.settled_micros, released_micros, row.available_after_micros, repeated=row.outcome == "repeated")


def _only(answers: Sequence[Answer | Exception]) -> Answer:
    (answer,) = answers
    if isinstance(answer, Exception):
        raise answer
    return answer
