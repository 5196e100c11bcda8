"""A process among the nodes: it says that it is there, and is taken for dead where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from portevoix.domain.errors import DomainError
from portevoix.ports import House, Standing

LEASE_S = 15

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
        self._lease_until = house.clock.now()

    def is_alive(self, node: int) -> bool:
        """Tell whether this is still that node, and nobody can have taken it for dead: the process may have slept."""
        return node == self.number and self._house.clock.now() < self._lease_until

    async def run(self) -> None:
        """Be there until cancelled."""
        try:
            await self.keep()
        finally:
            await self.leave()

    async def keep(self) -> None:
        """Keep the lease; a node that was taken for dead begins anew, as another."""
        while True:
            lease_until = self._house.clock.now() + timedelta(seconds=self._lease_s)
            try:
                if not self.number or not await self._house.calls.renew(self.number, self._lease_s):
                    self.number = await self._house.calls.join(self._name, self._lease_s, self._standing)
                    self._on_joined()
                self._lease_until = lease_until
            except DomainError as error:
                log.warning("lease_failed", error=error.message)
            await asyncio.sleep(self._lease_s / 3)

    async def leave(self) -> None:
        """End as a node; where that fails, the lease ends by itself."""
        if not self.number:
            return
        try:
            await self._house.calls.leave(self.number)
        except DomainError as error:
            log.warning("leaving_failed", error=error.message)
