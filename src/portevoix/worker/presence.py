"""A process among the nodes: it says that it is there, and is taken for dead where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from portevoix.domain.errors import DomainError
from portevoix.ports import House, Standing

LEASE_S = 15

#: A lease is renewed each third of it. It is unbroken where each renewal was begun at most this much of it after
#: the one before; so whoever sees its own unbroken knows that others could have renewed theirs.
UNBROKEN = 2 / 3

#: A renewal that failed is tried again so soon, or at its usual time.
AGAIN_S = 1.0

log = structlog.get_logger(__name__)


class Presence:
    """One process's place among the nodes.

    Args:
        name: of the process, for people.
        standing: what it is.
        lease_s: for how long it is taken for alive after it last said so.
        on_joined: told when it has a number, and each time that it has another.
    """

    def __init__(
        self,
        house: House,
        name: str,
        standing: Standing,
        lease_s: int = LEASE_S,
        on_joined: Callable[[], None] = lambda: None,
    ) -> None:
        self.number = 0
        """Of the node; 0 before it has one."""
        self.tenure = 0
        """Which of the times this is in which it was heard without a break."""
        self._house = house
        self._name = name
        self._standing = standing
        self._lease_s = lease_s
        self._on_joined = on_joined
        self._lease = timedelta(seconds=lease_s)
        self._began = self._renewed_at = house.clock.now() - self._lease

    @property
    def may_dial(self) -> bool:
        """Whether this is a node that nobody can have taken for dead."""
        return bool(self.number) and self._is_unbroken

    def has_lasted(self, tenure: int) -> bool:
        """Tell whether it was heard without a break since it had that tenure: the process may have slept.

        Where there was one, others may have taken the node for dead.
        """
        return tenure == self.tenure and self._is_unbroken

    @property
    def dead_by(self) -> datetime | None:
        """By when another's lease must be over for it to be dead; ``None`` where this process may not judge.

        While the database is away, everybody is silent, and is given time to come back when it is there again: only
        who was heard for a lease himself knows that others could have been, and only until he was last heard.
        """
        return self._renewed_at if self._is_unbroken and self._renewed_at - self._began >= self._lease else None

    @property
    def _is_unbroken(self) -> bool:
        """Whether the lease was renewed lately; a clock that was set back tells nothing of that."""
        return timedelta(0) <= self._house.clock.now() - self._renewed_at <= UNBROKEN * self._lease

    async def run(self) -> None:
        """Be there until cancelled."""
        try:
            await self.keep()
        finally:
            await self.leave()

    async def keep(self) -> None:
        """Keep the lease; a node that was taken for dead begins anew, as another."""
        pause_s = self._lease_s / 3
        while True:
            try:
                await self._renew()
                await asyncio.sleep(pause_s)
            except DomainError as error:
                log.warning("lease_failed", error=error.message)
                await asyncio.sleep(min(AGAIN_S, pause_s))

    async def _renew(self) -> None:
        """Renew the lease, or begin as a node. Raises what the store raises."""
        now = self._house.clock.now()
        if self.number and await self._house.calls.renew(self.number, self._lease_s):
            if not self._is_unbroken:
                self._begin(now)
        else:
            self.number = await self._house.calls.join(self._name, self._lease_s, self._standing)
            self._begin(now)
            self._on_joined()
        self._renewed_at = now

    def _begin(self, now: datetime) -> None:
        self._began = now
        self.tenure += 1

    async def leave(self) -> None:
        """End as a node; where that fails, the lease ends by itself."""
        if not self.number:
            return
        try:
            await self._house.calls.leave(self.number)
        except DomainError as error:
            log.warning("leaving_failed", error=error.message)
