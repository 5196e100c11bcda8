"""The media process: sippy's loop, the wheel, and the lines to the node and to the ear. It does nothing else.

Beside Python that is busy, frames leave late; so nothing of the node is imported here but values.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import sys
import threading
from collections import Counter

from portevoix.carrier.sip.compat import PRODUCT, Answer, Request, Stack, Transaction, extend
from portevoix.carrier.sip.dialog import ALLOW
from portevoix.carrier.sip.door import ACCEPTED, SUPPORTED
from portevoix.carrier.sip.ear import Ear
from portevoix.carrier.sip.health import Watched
from portevoix.carrier.sip.session import Means, Session
from portevoix.carrier.sip.sounds import Sounds
from portevoix.carrier.sip.sources import Sources
from portevoix.carrier.sip.stream import Ports, Stream
from portevoix.carrier.sip.wheel import MediaThread
from portevoix.carrier.sip.wire import (
    Begin,
    Counted,
    Forget,
    Frames,
    FromProcess,
    HangUp,
    Ready,
    Setup,
    Sound,
    ToProcess,
    Unwatch,
    Watch,
    pack,
    read_to_process,
)
from portevoix.domain.call import Outcome

SWITCH_INTERVAL_S = 0.001
"""How long a thread may keep the others from running: the wheel's slots are 2 ms apart."""
COUNTED_EVERY_S = 1.0
FAREWELL_S = 0.5
"""How long BYEs, and registrations that are taken back, are seen to when the node is gone."""
READ_BYTES = 262_144
MOST_FILES = 65_536


class Line:
    """The line to the node; messages leave from the signalling thread alone."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._frames = Frames()

    def tell(self, message: FromProcess) -> None:
        """Say something; once the node is gone there is nobody to hear it."""
        with contextlib.suppress(OSError):
            self._socket.sendall(pack(message))

    def read(self) -> list[ToProcess] | None:
        """Wait for messages; ``None`` when the node is gone."""
        try:
            data = self._socket.recv(READ_BYTES)
        except OSError:
            return None
        return [read_to_process(body) for body in self._frames.feed(data)] if data else None

    def first(self) -> Setup | None:
        """Wait for the set-up, which is all that is said before we are ready."""
        while (messages := self.read()) is not None:
            for message in messages:
                if isinstance(message, Setup):
                    return message
        return None


class Process:
    """A media process."""

    def __init__(self, line: Line, setup: Setup) -> None:
        terms = setup.terms
        self._line = line
        self._terms = terms
        self._keeps = setup.index == 0
        self._counts: Counter[str] = Counter()
        self._stalls = 0
        sources = Sources()
        self._stack = Stack(terms.bind, terms.port_of(setup.index), terms.shown, sources, self._counts)
        self._stack.on_request = self._stranger
        self._media = MediaThread(self._faulty)
        self._ear = Ear(terms.analyser, terms.amd, self._stack.soon, self._counts)
        self._sounds = Sounds()
        self._calls: dict[int, Session] = {}
        self._watched: dict[int, Watched] = {}
        ports = Ports(terms.bind, *terms.rtp_ports_of(setup.index))
        self._means = Means(terms, self._stack, self._media, ports, self._ear, self._sounds, sources, line.tell)

    def run(self) -> None:
        """Run until the node is gone."""
        self._media.start()
        self._ear.start()
        threading.Thread(target=self._listen, daemon=True, name="line").start()
        self._line.tell(Ready(self._stack.port))
        self._count()
        self._stack.run()
        self._ear.stop()

    def _listen(self) -> None:
        while (messages := self._line.read()) is not None:
            for message in messages:
                self._stack.soon(self._take, message)
        self._stack.soon(self._leave)

    def _take(self, message: ToProcess) -> None:
        match message:
            case Begin():
                self._begin(message)
            case HangUp(key):
                if key in self._calls:
                    self._calls[key].hang_up()
            case Sound(sha256, alaw):
                self._sounds.keep(sha256, alaw)
            case Forget(sha256):
                self._sounds.forget(sha256)
            case Watch(peer):
                self._unwatch(peer.id)
                self._watched[peer.id] = Watched(self._means, peer, asks=self._keeps)
            case Unwatch(trunk):
                self._unwatch(trunk)
            case Setup():
                raise AssertionError("set up twice")

    def _begin(self, begin: Begin) -> None:
        session = Session(self._means, begin, lambda: self._forget(begin.key))
        self._calls[begin.key] = session
        try:
            session.start()
        except Exception:
            session.fail(Outcome.CONGESTION)
            raise  # sippy's loop counts it, shows it, and goes on

    def _forget(self, key: int) -> None:
        self._calls.pop(key, None)

    def _unwatch(self, trunk: int) -> None:
        watched = self._watched.pop(trunk, None)
        if watched is not None:
            watched.stop()

    def _stranger(self, request: Request, _: Transaction) -> Answer:
        """Answer a request outside of any call; we take none (RFC 3261, 8.2)."""
        method, told = request.getMethod(), [("Allow", ALLOW)]
        if method == "OPTIONS":
            answer = request.genResponse(200, "OK", None, PRODUCT)
            told += [("Accept", ACCEPTED), ("Supported", ", ".join(SUPPORTED))]  # (11.2)
        elif request.getHFBody("to").getTag() is not None:
            answer = request.genResponse(481, "Call/Transaction Does Not Exist", None, PRODUCT)
        elif method == "INVITE":
            answer = request.genResponse(603, "Decline", None, PRODUCT)
        else:
            answer = request.genResponse(405, "Method Not Allowed", None, PRODUCT)
        extend(answer, told, None)
        return answer, None, None

    def _faulty(self, stream: Stream, error: Exception) -> None:
        self._counts["faults"] += 1
        sys.stderr.write(f"a stream on port {stream.port} failed: {error!r}\n")
        self._stack.soon(self._lose, stream)

    def _lose(self, stream: Stream) -> None:
        """End the call of a stream that has failed: nobody would hear its message to the end."""
        for session in list(self._calls.values()):
            if session.stream is stream:
                session.lose()

    def _count(self) -> None:
        stalls, self._stalls = self._media.stalls - self._stalls, self._media.stalls
        counts = {name: number for name, number in {**self._counts, "stalls": stalls}.items() if number}
        self._counts.clear()
        if counts:
            self._line.tell(Counted(counts))
        self._stack.after(COUNTED_EVERY_S, self._count)

    def _leave(self) -> None:
        """The node is gone: end every call, give the BYEs a moment, end."""
        for watched in self._watched.values():
            watched.stop()
        for session in self._calls.values():
            self._stack.soon(session.hang_up)  # each for itself: one that fails keeps no other from its BYE
        self._stack.after(FAREWELL_S if self._calls or self._watched else 0.0, self._stack.stop)


def _raise_files() -> None:
    """Let as many files be open as the calls of all RTP ports need: two sockets a call."""
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(MOST_FILES, most)
    if wanted > few:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def main() -> None:
    """Run a media process on the socket whose number is the argument."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they are the node's, which closes the line: calls get their BYE
        signal.signal(number, signal.SIG_IGN)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    _raise_files()
    line = Line(socket.socket(fileno=int(sys.argv[1])))
    setup = line.first()
    if setup is not None:
        Process(line, setup).run()


if __name__ == "__main__":
    main()
