"""What is heard of one call's far end: by the analyser as long as it must be, and what is kept of it for proof."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from portevoix.audio.answering.heard import Heard
from portevoix.carrier.asterisk.ari import AriDown, AriRefused, AriUnclear
from portevoix.carrier.asterisk.tap import Tap
from portevoix.carrier.sip.answering import Note, summary
from portevoix.carrier.sip.ear import Ear, Listening
from portevoix.carrier.sip.keeping import Kept


class Hearing:
    """One call's hearing. Its tap is open only while somebody wants what it gives.

    Args:
        tap: of the call.
        ear: has the analyser hear.
        record_s: seconds that are kept for proof; 0 for none.
        told: called with what was heard, and how long it has been listened by then.
        failed: called when nothing more will be heard, with the reason where it is not the analyser's.
        spawn: has something done to its end, whoever is gone meanwhile.
    """

    def __init__(
        self,
        tap: Tap,
        ear: Ear,
        record_s: int,
        told: Callable[[Sequence[Heard], int], None],
        failed: Callable[[str], None],
        spawn: Callable[[Coroutine[Any, Any, object]], object],
    ) -> None:
        self._tap = tap
        self._ear = ear
        self._kept = Kept(record_s) if record_s else None
        self._keeps = self._kept is not None
        self._told = told
        self._failed = failed
        self._spawn = spawn
        self._listening: Listening | None = None
        self._put: Callable[[bytes], None] | None = None
        self._running: asyncio.Task[None] | None = None

    def begin(self, wait_ms: int | None) -> None:
        """Open the tap, the call being answered, if anybody wants what it gives.

        Args:
            wait_ms: after so long the analyser tells the time, whatever it heard; ``None`` where it is not to hear.
        """
        if wait_ms is not None:
            self._listening, self._put = self._ear.listen(self._told, lambda: self._failed(""), wait_ms)
        if self._put is not None or self._keeps:
            self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._tap.run(self._take)
        except (AriDown, AriUnclear, AriRefused, OSError) as error:
            self.stop_listening()
            self._failed(str(error))
        finally:
            self._spawn(self._tap.close())

    def _take(self, frame: bytes) -> bool:
        if self._put is not None:
            self._put(frame)
        if self._keeps and self._kept is not None:
            self._keeps = self._kept.take(frame)
        return self._put is not None or self._keeps

    def stop_listening(self) -> None:
        """Have the analyser hear no more; what is to be kept still is."""
        self._put = None
        if self._listening is not None:
            self._listening.end()

    async def close(self) -> None:
        """Hear no more."""
        self.stop_listening()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    @property
    def recorded(self) -> bytes:
        """What is kept by now, A-law."""
        return b"" if self._kept is None else self._kept.alaw()

    def notes(self) -> list[Note]:
        """Sum up what was heard, for the call's timeline."""
        said = []
        if self._listening is not None and self._listening.verdict is not None:
            said.append(summary(self._listening.verdict))
        if self._kept is not None and self._kept.ms:
            said.append(Note("recorded", f"ms={self._kept.ms}"))
        return said
