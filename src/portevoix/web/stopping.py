"""Whether this process has been asked to stop: what has no end of its own must end then, lest it holds the stop up."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopping:
    """Hears the signals that stop the process, before whoever handles them does.

    A server answers what is under way before it ends, and tells the application only then. So the signals are heard
    here too: an event loop handles a signal by what it writes into the loop's pipe, and leaves a handler in Python
    that does nothing of note; ours stands before that one, and calls it. Where nobody handles a signal, it ends the
    process at once, and there is nothing to hear.
    """

    def __init__(self) -> None:
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._told_before: dict[int, Callable[[int, FrameType | None], object]] = {}

    async def wait(self) -> None:
        """Wait until the process is asked to stop."""
        self._listen()
        one = (asyncio.get_running_loop(), asyncio.Event())
        self._waiting.add(one)
        try:
            await one[1].wait()
        finally:
            self._waiting.discard(one)

    def _listen(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # signals belong to the main thread
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler) and handler != self._told:
                self._told_before[number] = handler
                signal.signal(number, self._told)

    def _told(self, number: int, frame: FrameType | None) -> None:
        for loop, event in tuple(self._waiting):
            loop.call_soon_threadsafe(event.set)
        self._told_before[number](number, frame)


#: Of this process.
STOPPING = Stopping()
