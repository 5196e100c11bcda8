"""The ear process: hears what the calls of one process say, so that their media and signalling need not wait.

It is less urgent than they are, and bounded: when it is behind and gets no nearer, it gives up calls until it does.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import math
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from portevoix.audio.answering.heard import Heard, Verdict
from portevoix.audio.answering.terms import Terms
from portevoix.carrier.sip.ear_wire import Batch, Begin, Begun, Deaf, FromEar, ToEar, Told, read_to_ear
from portevoix.carrier.sip.jitter import SILENCE
from portevoix.carrier.sip.rtp import FRAME_S
from portevoix.carrier.sip.wire import Frames, WireBroken, pack

FRAME_MS = int(FRAME_S * 1_000)
MOST_LAG_S = 2.0
"""How far behind it may be for long: a call that is told later than that reacts as nobody would."""
LOOK_S = 0.25
"""How often it looks, while it is further behind, whether it catches up."""
GIVEN_UP_SHARE = 10
"""Of how many calls one is given up when it does not."""
MOST_LOST_FRAMES = int(5 / FRAME_S)
"""Of so much that is missing nothing can be made."""
TICK_S = 1.0
HUNG_TICKS = 5
"""An analyser that is at one batch for so many ticks has hung. A tick is one in which this process runs, so that one
that was stopped, or starved, is not taken for hung."""
HUNG = 3
"""The exit code then."""
NICER = 10
"""By how much less urgent it is than who makes the calls."""
READ_BYTES = 262_144


class Analyser(Protocol):
    """What knows people from machines; one a call."""

    def hear(self, alaw: bytes) -> Sequence[Heard]:
        """Listen on; returns what is known by now that was not before."""

    def verdict(self) -> Verdict | None:
        """Sum up what is known by now."""


class Hearing:
    """Hears for all calls of a process.

    Args:
        make: makes an analyser for a call.
        began_s: from when on it can be behind.
    """

    def __init__(self, make: Callable[[], Analyser], began_s: float) -> None:
        self._make = make
        self._began_s = began_s
        self._calls: dict[int, _Call] = {}  # the one that has listened longest first
        self._given_up: set[int] = set()
        self._looked: tuple[float, float] | None = None  # when, and how far behind

    def take(self, batch: Batch, now_s: float) -> list[FromEar]:
        """Hear what calls said; returns what is told of it."""
        told: list[FromEar] = []
        lag_s = now_s - max(batch.at_s, self._began_s)
        if lag_s <= MOST_LAG_S:
            self._looked = None
        elif not self._catches_up(now_s, lag_s):
            # Those that have listened longest lose least: their messages most likely play already.
            first = itertools.islice(tuple(self._calls), math.ceil(len(self._calls) / GIVEN_UP_SHARE))
            told += [self._give_up(key, is_fault=False) for key in first]
        for key, number, alaw in batch.frames:
            if key in self._given_up:
                continue
            call = self._calls.get(key)
            lost = number - 1 - (0 if call is None else call.frames)
            if lost > MOST_LOST_FRAMES:
                told.append(self._give_up(key, is_fault=False))
                continue
            try:
                heard = self._hear(key, call, number, SILENCE * lost + alaw)
            except Exception:  # noqa: BLE001 - one call's defect is not the end of all others
                sys.stderr.write(f"the analyser failed\n{traceback.format_exc(limit=-6)}")
                told.append(self._give_up(key, is_fault=True))
                continue
            if heard is not None:
                told.append(heard)
        for key in batch.over:
            self._calls.pop(key, None)
            self._given_up.discard(key)
        return told

    def _hear(self, key: int, call: _Call | None, number: int, alaw: bytes) -> Told | None:
        if call is None:
            call = self._calls[key] = _Call(self._make())
        call.frames = number
        heard = call.analyser.hear(alaw)
        return Told(key, number * FRAME_MS, tuple(heard), call.analyser.verdict()) if heard else None

    def _catches_up(self, now_s: float, lag_s: float) -> bool:
        """Tell whether what is too much gets less, by a second in two at least; a stall that is over is made good."""
        looked_s, before_s = self._looked or (now_s, lag_s)
        if self._looked is None or now_s - looked_s >= LOOK_S:
            self._looked = (now_s, lag_s)
        gone_s = now_s - looked_s
        return gone_s < LOOK_S or lag_s <= before_s - gone_s / 2

    def _give_up(self, key: int, *, is_fault: bool) -> Deaf:
        self._calls.pop(key, None)
        self._given_up.add(key)
        return Deaf(key, is_fault)


class _Call:
    __slots__ = ("analyser", "frames")

    def __init__(self, analyser: Analyser) -> None:
        self.analyser = analyser
        self.frames = 0


class Line:
    """The line to who makes the calls."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._said: queue.SimpleQueue[ToEar] = queue.SimpleQueue()
        self._taken = 0
        self._waits = False
        threading.Thread(target=self._read, daemon=True, name="line").start()

    def read(self) -> ToEar:
        """Wait for what is said."""
        self._waits = True
        said = self._said.get()
        self._taken += 1
        self._waits = False
        return said

    def watch(self) -> None:
        """From now on, end the process when what was read is not done with: its calls are told, and others heard."""
        threading.Thread(target=self._watch, daemon=True, name="watch").start()

    def _watch(self) -> None:
        seen, ticks = 0, 0
        while ticks < HUNG_TICKS:
            time.sleep(TICK_S)
            ticks = 0 if self._waits or self._taken != seen else ticks + 1
            seen = self._taken
        sys.stderr.write("the analyser hangs\n")
        os._exit(HUNG)

    def tell(self, messages: Sequence[FromEar]) -> None:
        """Say something; once the other end is gone there is nobody to hear it."""
        with contextlib.suppress(OSError):
            self._socket.sendall(b"".join(map(pack, messages)))

    def _read(self) -> None:
        """Take what is said as it comes, so that a pipe that is full means that we do not run at all."""
        frames = Frames()
        try:
            while data := self._socket.recv(READ_BYTES):
                for body in frames.feed(data):
                    self._said.put(read_to_ear(body))
        except (OSError, WireBroken) as error:
            sys.stderr.write(f"the ear heard nonsense: {error}\n")
        finally:
            os._exit(0)  # whoever made the calls is gone: what is not heard yet is nobody's business any more


def _load(name: str) -> Callable[[Terms], Analyser]:
    """Load what makes an analyser; by its name, since native code has no place in this room."""
    module, _, made = name.partition(":")
    return cast("Callable[[Terms], Analyser]", getattr(importlib.import_module(module), made))


def main() -> None:
    """Hear, on the socket whose number is the argument."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they are theirs who make the calls, and close the line
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICER)
    line = Line(socket.socket(fileno=int(sys.argv[1])))
    begin = line.read()
    assert isinstance(begin, Begin)
    make = _load(begin.analyser)
    hearing = Hearing(lambda: make(begin.terms), time.monotonic())
    line.tell([Begun()])
    line.watch()
    while True:
        batch = line.read()
        assert isinstance(batch, Batch)
        told = hearing.take(batch, time.monotonic())
        if told:
            line.tell(told)


if __name__ == "__main__":
    main()
