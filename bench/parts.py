"""Every part that can be measured, by its name. A new part is a module with ``measure``, and a line here."""

from __future__ import annotations

from collections.abc import Callable

from bench import (
    answering,
    audio,
    calls,
    dialling,
    growing,
    growth,
    growth_nodes,
    http_me,
    ledger,
    memory,
    pages,
    posting,
    soak,
    speech,
    startup,
    webhooks,
)
from bench.figure import Figure, Run

PARTS: dict[str, Callable[[Run], list[Figure]]] = {
    "http": http_me.measure,
    "sends": posting.measure,
    "ledger": ledger.measure,
    "dialler": dialling.measure,
    "webhooks": webhooks.measure,
    "startup": startup.measure,
    "memory": memory.measure,
    "audio": audio.measure,
    "speech": speech.measure,
    "calls": calls.measure,
    "answering": answering.measure,
    "console": pages.measure,
    "growth-calls": growth.measure_calls,
    "growth-accounts": growth.measure_accounts,
    "growth-nodes": growth_nodes.measure,
    "soak": soak.measure,
    "growing": growing.measure,
}

#: Those that take up to an hour, and are measured where they are named.
LONG = ("growth-calls", "growth-accounts", "growth-nodes", "soak")
