"""What one process does for all of them, again and again: whichever looks first when it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from portevoix.domain.errors import DomainError
from portevoix.ports import House

#: How often a process looks for what is due.
LOOK_S = 2.0

#: A chore that takes longer is given up; one whose process died is taken again after it.
LONGEST_S = 60

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Duty:
    """A chore that this process knows how to do. It may safely be done twice.

    Args:
        name: the same in every process.
        every_s: from its end to the next time.
        do: does it.
    """

    name: str
    every_s: int
    do: Callable[[], Awaitable[object]]


class Steward:
    """Does chores when they are due and no other process has them, until it is cancelled.

    Args:
        house: where chores are.
        duties: what there is to do.
        name: of this process.
        longest_s: how long a chore may take.
    """

    def __init__(self, house: House, duties: Sequence[Duty], name: str, longest_s: int = LONGEST_S) -> None:
        self._house = house
        self._duties = {duty.name: duty for duty in duties}
        self._name = name
        self._longest_s = longest_s
        self._is_planned = False

    async def run(self) -> None:
        """Look for what is due, again and again."""
        while True:
            try:
                if not self._is_planned:
                    await self._house.chores.plan({duty.name: duty.every_s for duty in self._duties.values()})
                    self._is_planned = True
                while await self.do_one():
                    pass
            except DomainError as error:
                log.warning("chores_wait", error=error.message)
            except Exception:
                log.exception("chores_failed")
            await asyncio.sleep(LOOK_S)

    async def do_one(self) -> bool:
        """Do one that is due; tells whether there was one. Raises what kept it from being taken or written down."""
        taken = await self._house.chores.take(list(self._duties), self._name, self._longest_s)
        if taken is None:
            return False
        await self._do(self._duties[taken[0]], taken[1])
        return True

    async def _do(self, duty: Duty, began_at: datetime) -> None:
        fault = None
        try:
            async with asyncio.timeout(self._longest_s):
                await duty.do()
        except DomainError as error:
            fault = error.message
            log.warning("chore_failed", chore=duty.name, error=fault)
        except TimeoutError:
            fault = f"it took more than {self._longest_s} s"
            log.warning("chore_failed", chore=duty.name, error=fault)
        except Exception as defect:
            fault = f"{type(defect).__name__}; the log of {self._name} has more"
            log.exception("chore_failed", chore=duty.name)
        await self._house.chores.end(duty.name, self._name, began_at, duty.every_s, fault)
