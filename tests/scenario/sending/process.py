"""A node's process, moved by hand, step by step: what it has in memory alone is gone when it is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias
from unittest.mock import patch

from portevoix.carrier.simulator import SimulatedTime, Simulator
from portevoix.domain.call import Outcome, Report
from portevoix.domain.dialling import Claimed, Conclusion, Dial, Filed, Progress
from portevoix.ports import Clock, House
from portevoix.service import dialling, settlement
from tests.store.test_calls import Node

#: What a carrier makes of a call, whatever the phone does: an end of its own, or seconds for which it does not hang up.
Whim: TypeAlias = Outcome | int


class Carrier:
    """The shipped simulator, waiting for nothing, with a whim; sees to it that no attempt is asked for twice."""

    def __init__(self, clock: Clock) -> None:
        self._phones = Simulator(SimulatedTime(clock, None))
        self.asked: set[tuple[int, int]] = set()
        self.reports: list[tuple[int, int, Report]] = []

    async def call(self, dial: Dial, whim: Whim) -> tuple[int, int, Report]:
        """Make a call; returns what there is to report."""
        assert (dial.call_id, dial.attempt) not in self.asked, f"{dial.call} was dialled twice, attempt {dial.attempt}"
        self.asked.add((dial.call_id, dial.attempt))
        report = await self._phones.call(dial, lambda progress: None)
        if report.answered_at is not None:
            assert report.ended_at - report.answered_at <= timedelta(seconds=dial.longest_s)
        if isinstance(whim, Outcome):
            report = Report(whim, dial.at + timedelta(seconds=1), dial.at)
        elif report.answered_at is not None:
            report = replace(report, ended_at=report.ended_at + timedelta(seconds=whim))
        self.reports.append((dial.call_id, dial.attempt, report))
        return self.reports[-1]


class Process:
    """A node with its memory.

    Args:
        claimed: calls that it may dial.
        dials: calls that it has committed to dial, and not asked its carrier for.
        reports: what its carrier says of those that it was asked for: call, attempt and report.
        filed: calls whose reports it has filed.
    """

    def __init__(self, node: Node, carrier: Carrier) -> None:
        self.number = node.number
        self.claimed: list[Claimed] = []
        self.dials: list[Dial] = []
        self.reports: list[tuple[int, int, Report]] = []
        self.filed: list[int] = []
        self._node = node
        self._house = node.house
        self._carrier = carrier

    @classmethod
    async def start(cls, house: House, carrier: Carrier) -> Process:
        """Begin as a node."""
        return cls(await Node.of(house), carrier)

    def __repr__(self) -> str:
        return f"node {self.number}"

    @property
    def memory(self) -> list[str]:
        """What it can go on with."""
        has = {"commit": self.claimed, "ask": self.dials, "progress": self.reports, "file": self.reports}
        return [stage for stage, what in (has | {"settle": self.filed}).items() if what]

    def knows(self, call: int) -> bool:
        """Whether it remembers a call."""
        asked_for = {one.id for one in self.claimed} | {dial.call_id for dial in self.dials}
        return call in asked_for | {reported for reported, _, _ in self.reports}

    async def renew(self, lease_s: int) -> bool:
        """Stay alive for so long."""
        return await self._house.calls.renew(self.number, lease_s)

    async def claim(self, most: int) -> Sequence[Claimed]:
        """Claim what is due."""
        claimed = await self._node.claim(most)
        self.claimed += claimed
        return claimed

    async def commit(self) -> tuple[Sequence[Claimed], Sequence[Dial]]:
        """Commit that what was claimed is dialled; returns what was claimed, and what may be dialled."""
        claimed, self.claimed = self.claimed, []
        dials = await self._node.dial(claimed) if claimed else []
        self.dials += dials
        return claimed, dials

    async def ask(self, whim: Whim) -> None:
        """Ask the carrier."""
        dials, self.dials = self.dials, []
        self.reports += [await self._carrier.call(dial, whim) for dial in dials]

    async def progress(self) -> None:
        """Note what the carrier says on the way."""
        said = [
            Progress(call, attempt, report.ringing_at, report.answered_at)
            for call, attempt, report in self.reports
            if report.ringing_at or report.answered_at
        ]
        if said:
            await self._house.calls.progress(said)

    async def file(self, most: int) -> Sequence[tuple[int, int, Report]]:
        """File so many reports at most, each twice; returns them."""
        reports, self.reports = self.reports[:most], self.reports[most:]
        if reports:
            await self._house.calls.file(reports * 2)
        self.filed += [call for call, _, _ in reports]
        return reports

    async def disown(self) -> set[int]:
        """Take care of calls that it has by the books alone; returns all that it has by the books."""
        held = {call for call, _, _ in await self._house.calls.at_node(self.number)}
        await dialling.disown(self._house, self.number, {call for call in held if not self.knows(call)})
        return held


async def settle_twice(house: House, calls: Sequence[int]) -> list[Conclusion]:
    """Settle the same calls twice at once; returns what was concluded by either."""
    both = await asyncio.gather(settlement.settle(house, calls), settlement.settle(house, calls[::-1]))
    return [one for concluded in both for one in concluded]


async def settle_and_die(house: House, calls: Sequence[int]) -> list[Conclusion]:
    """Settle calls, but for the commit."""

    async def die(*_: object) -> None:
        raise ConnectionAbortedError("the node dies here")

    with patch.object(settlement, "tell", die), suppress(ConnectionAbortedError):
        await settlement.settle(house, calls)
    return []


async def settle_while(
    house: House, calls: Sequence[int], meanwhile: Callable[[], Awaitable[object]]
) -> list[Conclusion]:
    """Settle calls; something else happens after their reports were read."""
    conclude, first = settlement._conclude, iter([meanwhile])

    async def do_and_conclude(together: House, filed: Filed) -> Conclusion:
        for do in first:
            await do()
        return await conclude(together, filed)

    with patch.object(settlement, "_conclude", do_and_conclude):
        return list(await settlement.settle(house, calls))
