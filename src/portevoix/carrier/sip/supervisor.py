"""The node's side of the media processes: starts them, shares calls out among them, and starts again what died.

A process that dies takes its calls along: each ends as lost, so that it becomes uncertain, and is never dialled again
by itself. Its successor is started at once.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog

from portevoix.carrier.sip.terms import SipTerms
from portevoix.carrier.sip.wire import (
    Answered,
    Begin,
    Counted,
    Ended,
    Forget,
    Frames,
    FromProcess,
    HangUp,
    Health,
    Peer,
    Rang,
    Ready,
    Registration,
    Setup,
    Sound,
    ToProcess,
    Unwatch,
    Watch,
    pack,
    read_from_process,
)
from portevoix.domain.call import Outcome

START_LIMIT_S = 30.0
"""How long a process may take to begin."""
ROOM_LIMIT_S = START_LIMIT_S
"""How long a call waits for a process, when none is there: that one is slow to begin is no fault of the trunk's."""
CLOSE_LIMIT_S = 5.0
AGAIN_S = 1.0
"""How long to wait before a process that did not even begin is started again."""
MARGIN_S = 60.0
"""How long after the longest that a call can take its process may still tell its end."""
READ_BYTES = 262_144

Said = Registration | Health | Counted

log = structlog.get_logger(__name__)


class NoProcess(Exception):
    """No media process is there to make a call."""


class _Call:
    """One call under way in a process."""

    def __init__(self, sha256: str, told: Callable[[Rang | Answered], None], clock: Callable[[], float]) -> None:
        self.sha256 = sha256
        self.told = told
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.rang_at: float | None = None
        self.answered_at: float | None = None
        self._clock = clock

    def hear(self, message: Rang | Answered) -> None:
        if isinstance(message, Rang):
            self.rang_at = message.at
        else:
            self.answered_at = message.at
        self.told(message)

    def end(self, ended: Ended) -> None:
        if not self.ended.done():
            self.ended.set_result(ended)

    def lose(self, key: int, why: str) -> None:
        """End as lost: nobody knows what became of it."""
        now = self._clock()
        trace = ((now, "process_lost", why),)
        self.end(Ended(key, now, Outcome.LOST, None, self.rang_at, self.answered_at, trace=trace))


class _Process:
    """One media process, from its start to its end."""

    def __init__(self, index: int, process: asyncio.subprocess.Process, line: socket.socket) -> None:
        self.index = index
        self.process = process
        self.calls: dict[int, _Call] = {}
        self.port = 0
        self.is_lost = False
        self._line = line
        self._writer: asyncio.StreamWriter
        self._reader: asyncio.StreamReader
        self._frames = Frames()
        self._playing: Counter[str] = Counter()

    @classmethod
    async def start(cls, index: int, terms: SipTerms) -> _Process:
        """Start it, and wait until it is ready. Raises OSError, EOFError, TimeoutError."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await cls._spawn(theirs)
        except BaseException:
            ours.close()
            raise
        started = cls(index, process, ours)
        try:
            async with asyncio.timeout(START_LIMIT_S):
                started._reader, started._writer = await asyncio.open_unix_connection(sock=ours)
                started.say(Setup(terms, index))
                while not started.port:
                    for message in await started.read():
                        if isinstance(message, Ready):
                            started.port = message.port
        except BaseException:
            await started.close()
            raise
        return started

    @staticmethod
    async def _spawn(line: socket.socket) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-X", "utf8", "-m", "portevoix.carrier.sip.process", str(line.fileno())),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            pass_fds=[line.fileno()],
            env={"SIPLOG_BEND": "none"},  # no secrets of ours
            start_new_session=True,
        )

    def say(self, message: ToProcess) -> None:
        """Say something; to a process that is gone nothing is said any more."""
        if not self.is_lost:
            self._writer.write(pack(message))

    async def read(self) -> list[FromProcess]:
        """Wait for what it says. Raises EOFError once it is gone."""
        data = await self._reader.read(READ_BYTES)
        if not data:
            raise EOFError
        return [read_from_process(body) for body in self._frames.feed(data)]

    def begin(self, begin: Begin, alaw: bytes, call: _Call) -> None:
        """Have it make a call; what the call plays is sent along where no other plays it."""
        self.calls[begin.key] = call
        self._playing[begin.sha256] += 1
        if self._playing[begin.sha256] == 1:
            self.say(Sound(begin.sha256, alaw))
        self.say(begin)

    def end(self, ended: Ended) -> None:
        """Take a call's end."""
        call = self._forget(ended.key)
        if call is not None:
            call.end(ended)

    def give_up(self, key: int) -> None:
        """Wait no longer for a call's end."""
        self.say(HangUp(key))
        call = self._forget(key)
        if call is not None:
            call.lose(key, "the media process has told no end of the call")

    def _forget(self, key: int) -> _Call | None:
        """Let go of a call, and of what it plays where no other plays it."""
        call = self.calls.pop(key, None)
        if call is None:
            return None
        self._playing[call.sha256] -= 1
        if not self._playing[call.sha256]:
            del self._playing[call.sha256]
            self.say(Forget(call.sha256))
        return call

    def lose(self) -> None:
        """Take note that it is gone, and its calls with it."""
        self.is_lost = True
        for key, call in self.calls.items():
            call.lose(key, "the media process ended in the middle of the call")
        self.calls.clear()

    async def close(self) -> None:
        """Close the line, on which it ends its calls and itself; kill it where it does not."""
        self.is_lost = True
        if hasattr(self, "_writer"):
            self._writer.close()
        else:
            self._line.close()
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


class Supervisor:
    """The media processes of a node, as a context manager.

    Args:
        terms: how they are set up.
        clock: seconds since 1970.
        on_said: told of registrations, health, and what was counted.
        margin_s: how long after the longest that a call can take its end is waited for.
    """

    def __init__(
        self,
        terms: SipTerms,
        clock: Callable[[], float],
        on_said: Callable[[Said], None] = lambda said: None,
        margin_s: float = MARGIN_S,
    ) -> None:
        self.counts: Counter[str] = Counter()
        """What was counted since the start: ``restarts``, and what ``wire.Counted`` lists."""
        self._terms = terms
        self._clock = clock
        self._on_said = on_said
        self._margin_s = margin_s
        self._processes: dict[int, _Process] = {}
        self._watched: dict[int, Peer] = {}
        self._changed = asyncio.Condition()
        self._keepers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._keepers = [asyncio.create_task(self._keep(index)) for index in range(self._terms.process_count)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def ready(self) -> None:
        """Wait until every process is there."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._processes) == self._terms.process_count)

    @property
    def process_ids(self) -> list[int]:
        """The processes that are there."""
        return [one.process.pid for one in self._processes.values()]

    @property
    def ports(self) -> list[int]:
        """Their SIP ports."""
        return [one.port for one in self._processes.values()]

    @property
    def watched(self) -> set[int]:
        """The trunks that are kept in sight."""
        return set(self._watched)

    def watch(self, peer: Peer) -> None:
        """Keep a trunk in sight, or anew where it has changed."""
        if self._watched.get(peer.id) != peer:
            self._watched[peer.id] = peer
            for process in self._processes.values():
                process.say(Watch(peer))

    def unwatch(self, trunk: int) -> None:
        """Let go of a trunk."""
        if self._watched.pop(trunk, None) is not None:
            for process in self._processes.values():
                process.say(Unwatch(trunk))

    async def call(self, begin: Begin, alaw: bytes, told: Callable[[Rang | Answered], None]) -> Ended:
        """Make a call, to its end; cancelled, it hangs up.

        One that its process has forgotten, or never ends, is lost: its hold and its place on the trunk must not stay.

        Raises:
            NoProcess: none was there in time; nothing was dialled.
        """
        process = await self._room()
        call = _Call(begin.sha256, told, self._clock)
        process.begin(begin, alaw, call)
        try:
            await asyncio.wait({call.ended}, timeout=self._terms.ring_timeout_s + begin.longest_s + self._margin_s)
            if not call.ended.done():
                log.error("media_process_told_no_end", index=process.index)
                process.give_up(begin.key)
            return await call.ended
        except asyncio.CancelledError:
            process.say(HangUp(begin.key))
            raise

    async def _room(self) -> _Process:
        """Choose the process with the fewest calls."""
        try:
            async with asyncio.timeout(ROOM_LIMIT_S), self._changed:
                await self._changed.wait_for(lambda: bool(self._processes))
                return min(self._processes.values(), key=lambda one: len(one.calls))
        except TimeoutError as error:
            raise NoProcess from error

    async def _keep(self, index: int) -> None:
        """Keep one process going."""
        while True:
            try:
                process = await _Process.start(index, self._terms)
            except Exception:
                log.exception("media_process_did_not_start", index=index)
                await asyncio.sleep(AGAIN_S)
                continue
            try:
                await self._run(process)
            finally:
                self._processes.pop(index, None)
                lost = len(process.calls)
                process.lose()
                await process.close()
            self.counts["restarts"] += 1
            log.error("media_process_lost", index=index, calls=lost, code=process.process.returncode)

    async def _run(self, process: _Process) -> None:
        """Follow a process until it is gone."""
        for peer in self._watched.values():
            process.say(Watch(peer))
        async with self._changed:
            self._processes[process.index] = process
            self._changed.notify_all()
        try:
            while True:
                for message in await process.read():
                    self._hear(process, message)
        except (OSError, EOFError):
            return
        except Exception:  # what it says makes no sense: it is closed, and another started
            log.exception("media_process_misspoke", index=process.index)

    def _hear(self, process: _Process, message: FromProcess) -> None:
        match message:
            case Rang(key) | Answered(key):
                if key in process.calls:
                    process.calls[key].hear(message)
            case Ended():
                process.end(message)
            case Registration() | Health():
                self._on_said(message)
            case Counted(counts):
                self.counts.update(counts)
                self._on_said(message)
            case Ready():
                raise AssertionError("ready twice")
