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
        self._house = house
        self._name = name
        self._standing = standing
        self._lease_s = lease_s
        self._on_joined = on_joined
        self._lease = timedelta(seconds=lease_s)
        self._began = self._renewed_at = house.clock.now() - self._lease

    def has_lasted(self, node: int, since: datetime) -> bool:
        """Tell whether this is still that node, and was it without a break since: the process may have slept.

        Where there was one, others may have taken the node for dead.
        """
        return node == self.number and self._began <= since and self._is_unbroken

    @property
    def may_judge(self) -> bool:
        """Whether whoever is silent is dead: this process was heard for a lease, and so could they have been.

        While the database is away, everybody is silent. They are given time to come back when it does.
        """
        return self._is_unbroken and self._house.clock.now() - self._began >= self._lease

    @property
    def _is_unbroken(self) -> bool:
        return self._house.clock.now() - self._renewed_at <= UNBROKEN * self._lease

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
                self._began = now
        else:
            self.number = await self._house.calls.join(self._name, self._lease_s, self._standing)
            self._began = now
            self._on_joined()
        self._renewed_at = now

    async def leave(self) -> None:
        """End as a node; where that fails, the lease ends by itself."""
        if not self.number:
            return
        try:
            await self._house.calls.leave(self.number)
        except DomainError as error:
            log.warning("leaving_failed", error=error.message)
