"""The ear of a process that makes calls: hands what they say to a process of its own, and is told what is heard.

The thread that paces the media only ever appends to a queue and writes what a pipe takes at once: it waits for nobody.
"""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from portevoix.audio.answering.heard import NOTHING_YET, Heard, Verdict
from portevoix.audio.answering.terms import Terms
from portevoix.carrier.sip.ear_wire import Batch, Begin, Begun, Deaf, FromEar, Told, read_from_ear
from portevoix.carrier.sip.rtp import FRAME_S
from portevoix.carrier.sip.wire import Frames, Message, WireBroken, pack

FRAME_MS = int(FRAME_S * 1_000)
FLUSH_S = FRAME_S / 2
"""How long frames of several calls are gathered."""
STUCK_S = 5.0
"""How long a pipe may be full before the process at its other end is taken for hung."""
AGAIN_S = 1.0
"""How long to wait before a process that did not even begin is started again."""
CLOSE_LIMIT_S = 2.0
BUFFER_BYTES = 1_024 * 1_024
READ_BYTES = 65_536

Item = TypeVar("Item")


class Listening:
    """One call's listening.

    Args:
        key: names it in the ear process.
        ear: that it is done with.
        told: called by the signalling thread with what was heard, and how long the call has listened by then.
        failed: called by it when no more will be heard.
        wait_ms: after so long it is told the time, whatever was heard.

    ``verdict`` is what is known by now; it is replaced whole.
    """

    def __init__(
        self, key: int, ear: Ear, told: Callable[[Sequence[Heard], int], None], failed: Callable[[], None], wait_ms: int
    ) -> None:
        self.key = key
        self.told = told
        self.failed = failed
        self.verdict: Verdict | None = NOTHING_YET if ear.hears else None
        self.frames = 0
        self.wait_frames = wait_ms // FRAME_MS
        self.is_over = False
        self._ear = ear

    def end(self) -> None:
        """Listen no more; from any thread, and more than once."""
        if not self.is_over:
            self.is_over = True
            self._ear.forget(self.key)


class Ear(threading.Thread):
    """Hears for all calls of a process, in a process of its own that it keeps going.

    When that one dies, the calls that listened are told that no more will be heard, and it is started again.

    Args:
        make: ``module:name`` of what makes an analyser; empty for none: time alone goes by. It is a name because native
            code has no place in this room (see the import contracts): whoever puts the house together chooses it.
        terms: what analysers judge by.
        soon: has the signalling thread do something.
        counts: takes ``faults`` (calls whose analyser failed), ``given_up`` (calls that the ear gave up because it was
            behind), ``unheard`` (frames that it did not take) and ``ear_restarts``.
        stuck_s: how long it may take nothing before it is killed.
    """

    def __init__(
        self, make: str, terms: Terms, soon: Callable[..., None], counts: Counter[str], stuck_s: float = STUCK_S
    ) -> None:
        super().__init__(daemon=True, name="ear")
        self.hears = bool(make)
        self._begin = Begin(make, terms)
        self._soon = soon
        self._counts = counts
        self._stuck_s = stuck_s
        self._keys = itertools.count(1)
        self._calls: dict[int, Listening] = {}
        self._frames: deque[tuple[int, int, bytes]] = deque()
        self._over: deque[int] = deque()
        self._flushed_s = 0.0
        self._pipe: _Pipe | None = None
        self._is_over = threading.Event()

    @property
    def process_id(self) -> int | None:
        """The process that hears; ``None`` while there is none."""
        pipe = self._pipe
        return None if pipe is None else pipe.process.pid

    def listen(
        self, told: Callable[[Sequence[Heard], int], None], failed: Callable[[], None], wait_ms: int
    ) -> tuple[Listening, Callable[[bytes], None]]:
        """Begin to listen; returns what ends it, and what takes the call's frames of 20 ms, in one thread for all."""
        listening = Listening(next(self._keys), self, told, failed, wait_ms)
        self._calls[listening.key] = listening
        return listening, partial(self._put, listening)

    def forget(self, key: int) -> None:
        """Let go of a call."""
        self._calls.pop(key, None)
        if self.hears:
            self._over.append(key)

    def stop(self) -> None:
        """End, and the process with it."""
        self._is_over.set()
        pipe = self._pipe
        if pipe is not None:
            pipe.close()
        self.join()

    # -- what calls say: in the thread that takes their frames

    def _put(self, listening: Listening, frame: bytes) -> None:
        if listening.is_over:
            return
        listening.frames += 1
        if listening.frames == listening.wait_frames:
            self._soon(listening.told, (), listening.frames * FRAME_MS)
        if not self.hears:
            return
        self._frames.append((listening.key, listening.frames, frame))
        now_s = time.monotonic()
        if now_s - self._flushed_s >= FLUSH_S:
            self._flushed_s = now_s
            self._flush(now_s)

    def _flush(self, now_s: float) -> None:
        pipe, frames = self._pipe, _taken(self._frames)
        if pipe is not None and pipe.has_room(now_s):
            pipe.send(Batch(now_s, frames, _taken(self._over)))
            return
        self._counts["unheard"] += len(frames)
        if pipe is not None and now_s - pipe.taken_s > self._stuck_s:
            pipe.process.kill()

    # -- what is heard: in the thread of our own

    def run(self) -> None:
        """Keep the process going."""
        while self.hears and not self._is_over.is_set():
            has_begun = self._follow()
            if self._is_over.is_set():
                return
            self._counts["ear_restarts"] += 1
            for listening in list(self._calls.values()):
                listening.end()
                self._soon(listening.failed)
            if not has_begun:
                self._is_over.wait(AGAIN_S)

    def _follow(self) -> bool:
        """Run a process until it is gone; tells whether it had begun."""
        has_begun, frames = False, Frames()
        try:
            pipe = _Pipe()
        except OSError as error:
            sys.stderr.write(f"the ear cannot be started: {error}\n")
            return False
        pipe.send(self._begin)
        self._pipe = pipe
        try:
            while not self._is_over.is_set() and (data := pipe.socket.recv(READ_BYTES)):
                for body in frames.feed(data):
                    message = read_from_ear(body)
                    has_begun = has_begun or isinstance(message, Begun)
                    self._take(message)
        except WireBroken as error:
            sys.stderr.write(f"the ear misspoke: {error}\n")
        except OSError:  # it was killed in the middle of something
            pass
        finally:
            self._pipe = None
            code = pipe.end()
        if not self._is_over.is_set():
            sys.stderr.write(f"the ear ended with {code}, {len(self._calls)} calls listened\n")
        return has_begun

    def _take(self, message: FromEar) -> None:
        listening = None if isinstance(message, Begun) else self._calls.get(message.key)
        if listening is None:
            return
        match message:
            case Told():
                listening.verdict = message.verdict
                self._soon(listening.told, message.heard, message.at_ms)
            case Deaf():
                self._counts["faults" if message.is_fault else "given_up"] += 1
                listening.end()
                self._soon(listening.failed)


class _Pipe:
    """The way to one process that hears. Raises OSError where it cannot be started.

    One thread writes, another reads and ends it.
    """

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        try:
            with theirs:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
                self.process = subprocess.Popen(  # noqa: S603 - our own interpreter, on a module of ours
                    (sys.executable, "-I", "-X", "utf8", "-m", "portevoix.carrier.sip.hearing", str(theirs.fileno())),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},  # no secrets of ours
                )
        except BaseException:
            self.socket.close()
            raise
        self.taken_s = time.monotonic()
        self._rest = memoryview(b"")

    def has_room(self, now_s: float) -> bool:
        """Tell whether all was taken that was sent before."""
        if self._rest:
            self._push()
        if not self._rest:
            self.taken_s = now_s
        return not self._rest

    def send(self, message: Message) -> None:
        """Send as much as is taken at once; the rest with the next."""
        self._rest = memoryview(pack(message))
        self._push()

    def _push(self) -> None:
        try:
            self._rest = self._rest[self.socket.send(self._rest, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            return
        except OSError:  # it is gone, as the reader finds out
            self._rest = memoryview(b"")

    def close(self) -> None:
        """Have the process end, and the reader know."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself

    def end(self) -> int:
        """Wait until the process is gone; returns how it ended."""
        self.close()
        try:
            return self.process.wait(CLOSE_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.socket.close()


def _taken(items: deque[Item]) -> tuple[Item, ...]:
    """Take all that is there by now, while another thread may add."""
    return tuple(items.popleft() for _ in range(len(items)))
