"""Every part that can be measured, by its name. A new part is a module with ``measure``, and a line here."""

from __future__ import annotations

from collections.abc import Callable

from bench import answering, audio, calls, growing, http_me, ledger, memory, pages, sending, speech, startup
from bench.figure import Figure, Run

PARTS: dict[str, Callable[[Run], list[Figure]]] = {
    "http": http_me.measure,
    "ledger": ledger.measure,
    "startup": startup.measure,
    "memory": memory.measure,
    "audio": audio.measure,
    "speech": speech.measure,
    "sending": sending.measure,
    "calls": calls.measure,
    "answering": answering.measure,
    "console": pages.measure,
    "growing": growing.measure,
}
