"""A worker process as ``portevoix serve`` has it, that tells what its carriers are asked for.

It is told before the carrier is asked, and stays in the pipe when the process is killed: so whoever reads there
counts what was really dialled, whatever the database says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from portevoix import logs
from portevoix.bootstrap import node
from portevoix.bootstrap.process import application
from portevoix.bootstrap.sending import Sending
from portevoix.domain.call import Report
from portevoix.domain.dialling import Dial, Progress
from portevoix.ports import Carrier
from portevoix.settings import Settings
from tests.parts import running_app

#: Short, so that what a killed worker leaves is soon looked after.
LEASE_S = 2


class Overheard:
    """The ``Carrier`` port: another carrier, whose orders are told first.

    Args:
        carrier: makes the calls.
        told: gets the call and the attempt of each.
    """

    def __init__(self, carrier: Carrier, told: Connection) -> None:
        self._carrier = carrier
        self._told = told

    @property
    def name(self) -> str:
        """Of the route."""
        return self._carrier.name

    async def call(self, dial: Dial, progress: Callable[[Progress], None]) -> Report:
        """Make one call, to its end."""
        self._told.send((dial.call_id, dial.attempt))
        return await self._carrier.call(dial, progress)


class OverheardSending(Sending):
    """What works beside the door, on carriers that are overheard."""

    def __init__(self, told: Connection, *adapters: Any) -> None:
        self._told = told
        super().__init__(*adapters)

    def routes(self) -> Sequence[Carrier]:
        """Make the carriers."""
        return [Overheard(carrier, self._told) for carrier in super().routes()]


def work(environment: Mapping[str, str], told: Connection) -> None:
    """Run a worker until it is killed, or whoever started it is gone."""
    settings = Settings.read({**environment, "PORTEVOIX_LEASE_S": str(LEASE_S)})
    logs.set_up(settings.log_level, settings.log_format)
    node.Sending = partial(OverheardSending, told)  # type: ignore[misc, assignment]
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    async with running_app(application(settings)):
        await asyncio.Event().wait()
