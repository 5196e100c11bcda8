"""The wheel: ten slots of 2 ms, turned on absolute deadlines by a thread that does nothing else.

Each stream sits in one slot and sends one frame a turn. Deadlines are added up, never measured anew, so that what
one sleep is late the next makes good; after a stall longer than a frame the wheel begins anew instead of sending
what it missed in one burst.
"""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from portevoix.carrier.sip.rtp import FRAME_S
from portevoix.carrier.sip.stream import Stream

SLOTS = 10
STEP_S = FRAME_S / SLOTS
SLOTS_A_LOOK = 5
"""Sockets are looked at every 10 ms."""


class Ticking(Protocol):
    """What sits in a slot."""

    def tick(self) -> None:
        """Do what 20 ms ask for."""


Sits = TypeVar("Sits", bound=Ticking)


class Wheel(Generic[Sits]):
    """The slots and their deadlines; knows no clock.

    Args:
        now_s: the moment it begins.
    """

    def __init__(self, now_s: float) -> None:
        self.deadline_s = now_s
        self.stalls = 0
        self.place = 0
        self._slots: list[tuple[Sits, ...]] = [()] * SLOTS
        self._changing = threading.Lock()

    def add(self, sits: Sits) -> None:
        """Put something into the emptiest slot. The slots are replaced, never changed: the thread needs no lock."""
        with self._changing:
            place = min(range(SLOTS), key=lambda one: len(self._slots[one]))
            self._slots[place] = (*self._slots[place], sits)

    def remove(self, sits: Sits) -> None:
        """Take something out; nothing happens where it is not there."""
        with self._changing:
            self._slots = [tuple(one for one in slot if one is not sits) for slot in self._slots]

    def turn(self, now_s: float) -> tuple[Sits, ...]:
        """Go on by one slot, whose deadline has come; returns what sits there."""
        due = self._slots[self.place]
        self.place = (self.place + 1) % SLOTS
        self.deadline_s += STEP_S
        if now_s - self.deadline_s > FRAME_S:
            self.deadline_s = now_s + STEP_S
            self.stalls += 1
        return due


class MediaThread(threading.Thread):
    """Turns the wheel of all streams of a process, and reads their sockets.

    Args:
        on_fault: told of a defect in a stream, which is left out from then on.
    """

    def __init__(self, on_fault: Callable[[Stream, Exception], None]) -> None:
        super().__init__(daemon=True, name="media")
        self._wheel: Wheel[Stream] = Wheel(time.monotonic())
        self._on_fault = on_fault
        self._selector = selectors.DefaultSelector()
        self._is_over = False

    @property
    def stalls(self) -> int:
        """How often the wheel began anew."""
        return self._wheel.stalls

    def add(self, stream: Stream) -> None:
        """Read a stream's sockets, and tick it."""
        for sock, read in ((stream.socket, stream.drain), (stream.reports, stream.drain_reports)):
            self._selector.register(sock, selectors.EVENT_READ, (stream, read))
        self._wheel.add(stream)

    def remove(self, stream: Stream) -> None:
        """Let a stream go, and close it."""
        self._wheel.remove(stream)
        for sock in (stream.socket, stream.reports):
            self._selector.unregister(sock)
        stream.close()

    def stop(self) -> None:
        """End."""
        self._is_over = True

    def run(self) -> None:
        """Turn."""
        wheel = self._wheel
        while not self._is_over:
            if wheel.place % SLOTS_A_LOOK == 0:
                for key, _ in self._selector.select(0):
                    self._run(*key.data)
            wait_s = wheel.deadline_s - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)
            for stream in wheel.turn(time.monotonic()):
                self._run(stream, stream.tick)

    def _run(self, stream: Stream, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - one call's defect is not the end of all others
            self._wheel.remove(stream)
            self._on_fault(stream, error)
