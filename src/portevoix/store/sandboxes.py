"""The sandbox of an account, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from portevoix.domain.audio import RATE_HZ, TelephoneAudio
from portevoix.domain.call import Answerer, Outcome
from portevoix.domain.campaign import Kind
from portevoix.domain.dialling import SandboxClock
from portevoix.domain.errors import NotFound
from portevoix.domain.magic import script
from portevoix.domain.number import Number
from portevoix.domain.sandbox import Received
from portevoix.ports import Clock
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("sandbox")


class PostgresSandboxes:
    """The ``Sandboxes`` port.

    Args:
        seed: what the simulated phones of 80 to 89 choose by.
    """

    def __init__(self, database: Database, clock: Clock, seed: int) -> None:
        self._database = database
        self._clock = clock
        self._seed = seed

    async def clock(self, account_id: int) -> SandboxClock:
        """Read how its clock differs from ours."""
        ((_, offset_s),) = await self._rows("account_clock", {"account_id": account_id})
        return SandboxClock(offset_s)

    async def advance(self, account_id: int, seconds: int) -> None:
        """Move its clock on, and wake those who wait for what is due."""
        values = {"account_id": account_id, "seconds": seconds, "at": self._clock.now()}
        async with self._database.connection() as connection:
            await connection.execute(SQL["advance"], values)

    async def is_quiet(self, account_id: int) -> bool:
        """Tell whether nothing is due, and no simulated phone should have come to its end by now."""
        now = (await self.clock(account_id)).now(self._clock.now())
        for number, kind, samples, route, attempt, _, due_at, dialed_at in await self._rows(
            "under_way", {"account_id": account_id, "at": now}
        ):
            if dialed_at is None:
                if due_at <= now:
                    return False
                continue
            played = script(
                Number.parse(f"+{number}"),
                Kind(kind),
                -(-samples // RATE_HZ),
                route=route,
                seed=self._seed,
                attempt=attempt,
            )
            if dialed_at + timedelta(seconds=played.ends_at_s) <= now:
                return False
        return True

    async def inbox(
        self, account_id: int, before: int | None, most: int, *, number: str | None = None, campaign: str | None = None
    ) -> Sequence[Received]:
        """Read what its phones received, the newest first."""
        values = {
            "account_id": account_id,
            "before_id": before,
            "most": most,
            "number": number,
            "campaign": campaign,
            "entry": None,
        }
        return [_received(row) for row in await self._rows("inbox", values)]

    async def received(self, account_id: int, entry: int) -> tuple[Received, TelephoneAudio]:
        """Read one of these, with its whole message."""
        values = {
            "account_id": account_id,
            "before_id": None,
            "most": 1,
            "number": None,
            "campaign": None,
            "entry": entry,
        }
        rows = await self._rows("inbox", values)
        sounds = await self._rows("played", {"account_id": account_id, "entry": entry})
        if not rows or not sounds:
            raise NotFound("the inbox has no such entry")
        return _received(rows[0]), TelephoneAudio(bytes(sounds[0][0]))

    async def empty(self, account_id: int) -> None:
        """Empty the inbox, mails included."""
        await self._execute(account_id, "empty_inbox", "drop_mails")

    async def unfinished(self, account_id: int) -> tuple[Sequence[str], Sequence[tuple[int, int]]]:
        """Read which campaigns are not over, and the calls under way with their attempts."""
        campaigns = await self._rows("open_campaigns", {"account_id": account_id})
        calls = await self._rows("calls_under_way", {"account_id": account_id})
        return [campaign for (campaign,) in campaigns], [(call, attempt) for call, attempt in calls]

    async def begin_anew(self, account_id: int) -> None:
        """Set its clock right, empty its inbox, and drop what waits to be told."""
        await self._execute(account_id, "reset_clock", "empty_inbox", "drop_mails", "drop_webhooks")

    async def _execute(self, account_id: int, *names: str) -> None:
        async with self._database.transaction() as connection:
            for name in names:
                await connection.execute(SQL[name], {"account_id": account_id})

    async def _rows(self, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        async with self._database.connection() as connection:
            return await (await connection.execute(SQL[query], values)).fetchall()


def _received(row: tuple[Any, ...]) -> Received:
    entry, campaign, position, attempt, number, kind, text, recording, samples, *rest = row
    route, dialed_at, ringing_at, answered_at, ended_at, outcome, answerer, keys = rest
    return Received(
        entry,
        campaign,
        position,
        attempt,
        number,
        Kind(kind),
        text,
        recording,
        samples,
        route,
        dialed_at,
        ringing_at,
        answered_at,
        ended_at,
        Outcome(outcome) if outcome else None,
        Answerer(answerer) if answerer else None,
        keys,
    )
