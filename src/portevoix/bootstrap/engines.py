"""The carriers of trunks: made when there is the first trunk for them, by one process of a node."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from pathlib import Path

import structlog

from portevoix.bootstrap.trunks import Maker, OnCounted, OnHealth, TrunkCarrier
from portevoix.domain.errors import DomainError
from portevoix.domain.trunk import Engine, Trunk
from portevoix.ports import Clock, House
from portevoix.service.routing import hear_trunk
from portevoix.settings import Settings

#: How long a new trunk waits to be noticed at most.
LOOK_S = 2.0

log = structlog.get_logger(__name__)


class Engines:
    """The carriers of this process's trunks, by what makes their calls.

    The address that SIP is spoken at can be had once: of several processes on one data folder, one holds the lock, and
    the others leave such calls to it.

    Args:
        data: the node's data folder.
        makers: make a carrier, once there is a trunk for it.
    """

    def __init__(self, house: House, data: Path, makers: Mapping[Engine, Maker]) -> None:
        self._house = house
        self._data = data
        self._makers = makers
        self._said: dict[int, bool] = {}
        self._news = asyncio.Event()
        self._taken: set[Engine] = set()
        self._left: set[Engine] = set()
        self.carriers: dict[Engine, TrunkCarrier] = {}

    async def run(self) -> None:
        """Make and keep carriers, until cancelled."""
        async with AsyncExitStack() as stack:
            try:
                while True:
                    await self._attempt(stack)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_S):
                            await self._news.wait()
            finally:
                self.carriers.clear()
                self._taken.clear()

    async def _attempt(self, stack: AsyncExitStack) -> None:
        """Do what there is to do; what cannot be done now is done the next time."""
        try:
            await self._write_down()
            await self._look(stack)
        except (DomainError, OSError) as problem:
            log.warning("trunks_wait", error=str(problem))
        except Exception:
            log.exception("trunks_failed")

    async def _look(self, stack: AsyncExitStack) -> None:
        """Make the carriers that trunks want, and tell them which trunks there are."""
        trunks = [one.trunk for one in await self._house.trunks.all()]
        for engine in {trunk.engine for trunk in trunks} & set(self._makers) - set(self.carriers):
            if self._take(engine, stack):
                first = [trunk for trunk in trunks if trunk.engine is engine]
                made = self._makers[engine](first, self._on_health)
                self.carriers[engine] = await stack.enter_async_context(made)
                log.info("trunks_ready", engine=engine)
            elif engine not in self._left:
                self._left.add(engine)
                log.info("trunks_left_to_another_process", engine=engine, data=str(self._data))
        for engine, carrier in self.carriers.items():
            await carrier.watch([trunk for trunk in trunks if trunk.engine is engine])

    def _take(self, engine: Engine, stack: AsyncExitStack) -> bool:
        """Be the process of this node that has an engine; the lock goes with the process, however it ends."""
        if engine in self._taken:
            return True
        self._data.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._data / f"{engine}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        stack.callback(os.close, lock)
        self._taken.add(engine)
        return True

    def _on_health(self, trunk_id: int, is_reachable: bool) -> None:
        self._said[trunk_id] = is_reachable
        self._news.set()

    async def _write_down(self) -> None:
        """Write down whether trunks answer; what is lost here is said again with the next OPTIONS."""
        self._news.clear()
        said, self._said = self._said, {}
        for trunk_id, is_reachable in sorted(said.items()):
            await hear_trunk(self._house, trunk_id, is_reachable=is_reachable)


def makers_of(settings: Settings, clock: Clock, on_counted: OnCounted) -> Mapping[Engine, Maker]:
    """Tell how this node's settings make carriers.

    Args:
        on_counted: told of what SIP and the ears have counted since the last time, by name.
    """

    def sip(trunks: Sequence[Trunk], on_health: OnHealth) -> AbstractAsyncContextManager[TrunkCarrier]:
        from portevoix.bootstrap.sip import open_sip

        return open_sip(settings, clock, trunks, on_health, on_counted)

    def asterisk(trunks: Sequence[Trunk], on_health: OnHealth) -> AbstractAsyncContextManager[TrunkCarrier]:
        from portevoix.bootstrap.asterisk import open_asterisk

        return open_asterisk(settings, clock, on_health, on_counted)

    makers: dict[Engine, Maker] = {Engine.SIP: sip}
    if settings.asterisk_sounds is not None:  # without, its calls wait, as the check of a trunk says
        makers[Engine.ASTERISK] = asterisk
    return makers
