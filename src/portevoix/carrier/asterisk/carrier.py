"""The ``Carrier`` port over Asterisk's REST interface."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import msgspec

from portevoix.carrier.asterisk import events
from portevoix.carrier.asterisk.ari import Ari, AriDown, AriRefused, AriUnclear
from portevoix.carrier.asterisk.call import Call, Means
from portevoix.carrier.asterisk.sounds import Sounds
from portevoix.carrier.asterisk.terms import AsteriskTerms
from portevoix.carrier.sip.carrier import mode_of
from portevoix.carrier.sip.ear import Ear
from portevoix.domain.call import Outcome, Report, Trace
from portevoix.domain.dialling import Dial, Progress
from portevoix.domain.trunk import Credentials, Engine, Server, Trunk
from portevoix.ports import Clock

#: Told of a trunk's number, and whether calls can go over it.
OnHealth = Callable[[int, bool], None]
#: Told of what was counted since the last time, by name.
OnCounted = Callable[[Mapping[str, int]], None]

COUNTED_EVERY_S = 1.0


@dataclass(slots=True)
class _Link:
    """One Asterisk, and what keeps it."""

    ari: Ari
    keeper: asyncio.Task[None]
    trunks: dict[int, Trunk] = field(default_factory=dict)
    looking: asyncio.Task[None] | None = None


class AsteriskCarrier:
    """The ``Carrier`` port over Asterisk, as a context manager.

    Args:
        terms: how calls are set up.
        clock: tells the time.
        name: of the route.
        on_health: told whether each watched trunk can be called over, again and again.
        on_counted: told of what the ear has counted.
    """

    def __init__(
        self,
        terms: AsteriskTerms,
        clock: Clock,
        name: str = "asterisk",
        on_health: OnHealth = lambda trunk, is_reachable: None,
        on_counted: OnCounted = lambda counts: None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        """What the ear counted since the start: ``faults``, ``ear_restarts``, ``given_up``, ``unheard``."""
        self._name = name
        self._terms = terms
        self._clock = clock
        self._on_health = on_health
        self._on_counted = on_counted
        self._told: Counter[str] = Counter()
        self._counting: asyncio.Task[None]
        self._sounds = Sounds(terms.sounds, terms.there)
        self._links: dict[tuple[Server, Credentials], _Link] = {}
        self._calls: set[asyncio.Task[object]] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self._ear: Ear

    async def __aenter__(self) -> Self:
        self._sounds.sweep()
        loop = asyncio.get_running_loop()

        def soon(step: Callable[..., None], *arguments: object) -> None:
            loop.call_soon_threadsafe(step, *arguments)

        self._ear = Ear(self._terms.analyser, self._terms.amd, soon, self.counts)
        self._ear.start()
        self._counting = asyncio.create_task(self._count())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        links = list(self._links)
        for known in links:
            await self._unlink(known)  # with it the calls end that nobody has cancelled
        while waited := self._calls | self._tasks:
            await asyncio.wait(waited)
        for known in links:
            await self._links.pop(known).ari.close()
        await asyncio.to_thread(self._ear.stop)
        self._counting.cancel()
        await asyncio.wait({self._counting})
        self._tell_counts()

    async def _count(self) -> None:
        while True:
            self._tell_counts()
            await asyncio.sleep(COUNTED_EVERY_S)

    def _tell_counts(self) -> None:
        news = Counter(self.counts) - self._told
        self._told += news
        if news:
            self._on_counted(news)

    @property
    def name(self) -> str:
        """Of the route."""
        return self._name

    async def watch(self, trunks: Sequence[Trunk]) -> None:
        """Keep these trunks' Asterisks connected, and no others once their calls are over."""
        wanted: dict[tuple[Server, Credentials], dict[int, Trunk]] = {}
        for trunk in trunks:
            if trunk.engine is Engine.ASTERISK and trunk.credentials is not None:
                wanted.setdefault((trunk.server, trunk.credentials), {})[trunk.id] = trunk
        for known, its in wanted.items():
            link = self._link(*known)
            if link.trunks != its:
                link.trunks = its
                if link.looking is not None:
                    link.looking.cancel()
                link.looking = asyncio.create_task(self._look(link))
        for known in [one for one, link in self._links.items() if one not in wanted and not link.ari.is_used]:
            await self._unlink(known)
            await self._links.pop(known).ari.close()

    async def call(self, dial: Dial, progress: Callable[[Progress], None]) -> Report:
        """Make one call, to its end. Cancelled, it hangs up.

        Raises:
            ValueError: the dial has no path over Asterisk.
        """
        path = dial.path
        if path is None or path.trunk.engine is not Engine.ASTERISK or path.trunk.credentials is None:
            raise ValueError(f"{dial.call} has no path over Asterisk")
        ari = self._link(path.trunk.server, path.trunk.credentials).ari
        means = Means(ari, self._terms, self._clock, self._sounds, self._ear, self._spawn)
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            await ari.ready()
            return await Call(means, dial, path, mode_of(dial), progress).run()
        except (AriDown, OSError) as error:  # nothing was dialled: another route may be
            what = "no_asterisk" if isinstance(error, AriDown) else "no_sounds"
            now = self._clock.now()
            return Report(Outcome.CONGESTION, now, trace=(Trace(now, what, str(error)),))
        finally:
            self._calls.discard(task)

    def _link(self, server: Server, credentials: Credentials) -> _Link:
        """Find the connection to an Asterisk, or begin one."""
        known = (server, credentials)
        if known not in self._links:
            ari = Ari(server, credentials, self._terms.request_timeout_s, lambda is_up: self._changed(known, is_up))
            self._links[known] = _Link(ari, asyncio.create_task(ari.run()))
        return self._links[known]

    async def _unlink(self, known: tuple[Server, Credentials]) -> None:
        link = self._links[known]
        tasks = {link.keeper} | ({link.looking} if link.looking is not None else set())
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def _spawn(self, what: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        task = asyncio.get_running_loop().create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- how trunks fare

    def _changed(self, known: tuple[Server, Credentials], is_up: bool) -> None:
        link = self._links.get(known)
        if link is None:
            return
        for trunk in link.trunks.values():
            if is_up:
                self._spawn(self._ask(link.ari, trunk))
            else:
                self._on_health(trunk.id, False)

    async def _look(self, link: _Link) -> None:
        """Ask again and again how trunks fare: what was said of one that is down counts for a while alone."""
        while True:
            for trunk in link.trunks.values():
                await self._ask(link.ari, trunk)
            await asyncio.sleep(self._terms.look_every_s)

    async def _ask(self, ari: Ari, trunk: Trunk) -> None:
        try:
            await ari.ready()
            is_reachable = await endpoint_state(ari, trunk) != "offline"
        except AriDown:
            is_reachable = False
        self._on_health(trunk.id, is_reachable)


async def endpoint_state(ari: Ari, trunk: Trunk) -> str:
    """Ask how the endpoint of a trunk's name fares.

    Returns:
        ``online``, ``offline``, ``unknown``; ``missing`` where there is none of that name, as where its routes name
        others; ``offline`` too where Asterisk does not answer, or something else does.
    """
    try:
        body = await ari.ask("GET", f"endpoints/PJSIP/{quote(trunk.name, safe='')}")
        return events.endpoint.decode(body).state
    except AriRefused:
        return "missing"
    except (AriDown, AriUnclear, msgspec.DecodeError):
        return "offline"


async def asterisk_version(ari: Ari) -> str:
    """Ask for Asterisk's version. Raises AriDown, AriRefused, AriUnclear."""
    return events.info.decode(await ari.ask("GET", "asterisk/info")).system.version
