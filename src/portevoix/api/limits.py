"""Rate limits at the door: counted in this process, and behind that where several processes share them."""

from __future__ import annotations

from portevoix.domain.limit import Allowance, Limit, count
from portevoix.ports import Clock, Limits

CALLERS_KEPT = 100_000


class LocalLimits:
    """The ``Limits`` port for one process.

    Args:
        clock: tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._arrivals_us: dict[str, int] = {}

    async def count(self, caller: str, limit: Limit) -> Allowance:
        """Count one request of a caller, in this process."""
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        allowance, self._arrivals_us[caller] = count(limit, self._arrivals_us.get(caller), now_us)
        if len(self._arrivals_us) > CALLERS_KEPT:
            self._forget(now_us)
        return allowance

    def _forget(self, now_us: int) -> None:
        """Drop callers whose allowance is whole again; if that is too few, the oldest half."""
        self._arrivals_us = {caller: us for caller, us in self._arrivals_us.items() if us > now_us}
        if len(self._arrivals_us) > CALLERS_KEPT // 2:
            newest = list(self._arrivals_us.items())[-CALLERS_KEPT // 2 :]
            self._arrivals_us = dict(newest)


class LocalThenShared:
    """The ``Limits`` port for several processes: what this one refuses by itself is not asked of the others.

    Args:
        local: this process's own count.
        shared: the count of all.
    """

    def __init__(self, local: Limits, shared: Limits) -> None:
        self._local = local
        self._shared = shared

    async def count(self, caller: str, limit: Limit) -> Allowance:
        """Count one request of a caller, in every process."""
        allowance = await self._local.count(caller, limit)
        return await self._shared.count(caller, limit) if allowance.admitted else allowance
