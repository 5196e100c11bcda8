"""The simulator: phones that are not there, as ``domain/magic.py`` has them, on a clock that can be hurried."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from portevoix.carrier.witness import Witness
from portevoix.domain.call import Report
from portevoix.domain.dialling import Dial, Progress
from portevoix.domain.magic import Script, script
from portevoix.ports import Clock


class SimulatedTime:
    """How time passes for simulated phones: with ours, faster, or not at all; a sandbox's can be moved on.

    Args:
        clock: tells our time.
        speed: simulated seconds a second; ``None`` waits for nothing.
    """

    def __init__(self, clock: Clock, speed: int | None) -> None:
        self._clock = clock
        self._speed = speed
        self._offsets_s: dict[int, int] = {}
        self._moved = asyncio.Event()

    def move(self, account: int, offset_s: int) -> None:
        """Take note that an account's clock is so far ahead of ours now."""
        self._offsets_s[account] = offset_s
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def start(self, dial: Dial) -> Elapsed:
        """Begin to count a call's seconds."""
        return Elapsed(self, dial, self._clock.now())

    def seconds(self, dial: Dial, began: datetime) -> float:
        """Tell how many seconds a call has lasted for its account, what its clock was moved on included."""
        now = self._clock.now()
        offset_s = self._offsets_s.get(dial.account_id, dial.clock_offset_s)
        late_s = (began + timedelta(seconds=dial.clock_offset_s) - dial.at).total_seconds()
        return late_s + (now - began).total_seconds() * (self._speed or 1) + (offset_s - dial.clock_offset_s)

    async def wait(self, seconds: float) -> None:
        """Wait for simulated seconds, or until some clock is moved on."""
        moved = self._moved
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds / (self._speed or 1)):
                await moved.wait()

    @property
    def is_hurried(self) -> bool:
        """Whether nothing is waited for."""
        return self._speed is None


class Elapsed:
    """The seconds of one call."""

    def __init__(self, time: SimulatedTime, dial: Dial, began: datetime) -> None:
        self._time = time
        self._dial = dial
        self._began = began

    async def until(self, seconds: int) -> None:
        """Wait until the call has lasted so long."""
        while not self._time.is_hurried and (left_s := seconds - self._time.seconds(self._dial, self._began)) > 0:
            await self._time.wait(left_s)


class Simulator:
    """The ``Carrier`` port.

    Args:
        time: how time passes.
        seed: what the phones of 80 to 89 choose by.
        name: of the route.
        witness: sees each call before it begins.
    """

    def __init__(
        self, time: SimulatedTime, seed: int = 0, name: str = "simulator", witness: Witness | None = None
    ) -> None:
        self._time = time
        self._seed = seed
        self._name = name
        self._witness = witness

    @property
    def name(self) -> str:
        """Of the route."""
        return self._name

    async def call(self, dial: Dial, progress: Callable[[Progress], None]) -> Report:
        """Make one call, to its end."""
        if self._witness is not None:
            self._witness.testify(dial)
        seconds = min(-(-dial.audio.samples // 8_000), dial.longest_s)
        played = script(dial.number, dial.kind, seconds, route=dial.route, seed=self._seed, attempt=dial.attempt)
        elapsed = self._time.start(dial)
        for at_s in _steps(played):
            await elapsed.until(at_s)
            if not self._time.is_hurried and at_s != played.ends_at_s:
                progress(_progress(dial, played, at_s))
        return Report(
            outcome=played.outcome,
            ended_at=dial.at + timedelta(seconds=played.ends_at_s),
            ringing_at=_moment(dial, played.rings_at_s),
            answered_at=_moment(dial, played.answers_at_s),
            answerer=played.answerer,
            keys=played.keys,
        )


def _steps(played: Script) -> list[int]:
    """List when something happens, the end last."""
    return [*(at_s for at_s in (played.rings_at_s, played.answers_at_s) if at_s is not None), played.ends_at_s]


def _progress(dial: Dial, played: Script, at_s: int) -> Progress:
    is_answered = played.answers_at_s is not None and at_s >= played.answers_at_s
    answered_at = _moment(dial, played.answers_at_s) if is_answered else None
    return Progress(dial.call_id, dial.attempt, _moment(dial, played.rings_at_s), answered_at)


def _moment(dial: Dial, at_s: int | None) -> datetime | None:
    return None if at_s is None else dial.at + timedelta(seconds=at_s)
