"""The ear: a thread that has the analyser hear what calls say, so that neither media nor signalling wait for it."""

from __future__ import annotations

import importlib
import queue
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from portevoix.audio.answering.heard import Heard, Verdict
from portevoix.audio.answering.terms import Terms
from portevoix.carrier.sip.rtp import FRAME_S

FRAME_MS = int(FRAME_S * 1_000)
TOLD_EVERY_FRAMES = 10
"""How often a call is told that time goes by while nothing is heard."""


class Analyser(Protocol):
    """What knows people from machines; one a call."""

    def hear(self, alaw: bytes) -> Sequence[Heard]:
        """Listen on; returns what is known by now that was not before."""

    def verdict(self) -> Verdict | None:
        """Sum up what is known by now; ``None`` where nothing can ever be."""


class _Deaf:
    """In place of an analyser where none is set: time alone goes by."""

    def __init__(self, terms: Terms) -> None:
        pass

    def hear(self, alaw: bytes) -> Sequence[Heard]:
        """Hear nothing."""
        return ()

    def verdict(self) -> None:
        """Know nothing."""


class Listening:
    """One call's listening.

    Args:
        analyser: of this call.
        told: called by the signalling thread with what was heard, and how long it has listened by then.
        failed: called by it when the analyser did.

    What the signalling thread reads meanwhile, ``verdict``, is replaced whole.
    """

    def __init__(
        self, analyser: Analyser, told: Callable[[Sequence[Heard], int], None], failed: Callable[[], None]
    ) -> None:
        self.analyser = analyser
        self.told = told
        self.failed = failed
        self.verdict = analyser.verdict()
        self.frames = 0
        self.is_over = False


class Ear(threading.Thread):
    """Hears for all calls of a process.

    Args:
        make: ``module:name`` of what makes an analyser; empty for none. It is a name because native code has no place
            in this room (see the import contracts): whoever puts the house together chooses it.
        terms: what analysers judge by.
        soon: has the signalling thread do something.
        counts: takes ``faults``.
    """

    def __init__(self, make: str, terms: Terms, soon: Callable[..., None], counts: Counter[str]) -> None:
        super().__init__(daemon=True, name="ear")
        self._make = _load(make)
        self._terms = terms
        self._soon = soon
        self._counts = counts
        self._frames: queue.SimpleQueue[tuple[Listening, bytes] | None] = queue.SimpleQueue()

    def listen(
        self, told: Callable[[Sequence[Heard], int], None], failed: Callable[[], None]
    ) -> tuple[Listening, Callable[[bytes], None]]:
        """Begin to listen; returns what ends it, and what takes a call's frames of 20 ms."""
        listening = Listening(self._make(self._terms), told, failed)
        return listening, lambda frame: self._frames.put((listening, frame))

    def stop(self) -> None:
        """End."""
        self._frames.put(None)

    def run(self) -> None:
        """Hear."""
        while (item := self._frames.get()) is not None:
            listening, frame = item
            if listening.is_over:
                continue
            try:
                heard = listening.analyser.hear(frame)
                if heard:
                    listening.verdict = listening.analyser.verdict()
            except Exception:  # noqa: BLE001 - one call's defect is not the end of all others
                listening.is_over = True
                self._counts["faults"] += 1
                sys.stderr.write(f"the analyser failed\n{traceback.format_exc(limit=-6)}")
                self._soon(listening.failed)
                continue
            listening.frames += 1
            if heard or listening.frames % TOLD_EVERY_FRAMES == 0:
                self._soon(listening.told, heard, listening.frames * FRAME_MS)


def _load(make: str) -> Callable[[Terms], Analyser]:
    if not make:
        return _Deaf
    module, _, name = make.partition(":")
    return cast("Callable[[Terms], Analyser]", getattr(importlib.import_module(module), name))
