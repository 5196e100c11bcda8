"""Rounds: messages are sent, faults come, all is mended, the calls go on to their end, and the oracle judges."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg

from tests.chaos import faults, oracle
from tests.chaos.faults import Fault
from tests.chaos.field import DOOR, Field, phones

LOOK_S = 0.1

#: How long a fault waits at most for the moment that it was drawn for.
STILL_S = 15

#: How long calls may take to be over once all is mended, and notices to be delivered.
OVER_S, TOLD_S = 120, 300

#: A message in so many is told by webhooks; another one is a deposit, told by a mail.
MESSAGES = 5
DEPOSITS = 3


class Broken(Exception):
    """A promise was not kept."""


@dataclass(frozen=True)
class Played:
    """What a round was."""

    number: int
    faults: list[Fault]
    calls: int
    took_s: float


async def play(field: Field, seed: int, number: int, calls: int, *, say: Callable[[str], None]) -> Played:
    """Play one round. Raises Broken, with all that is wrong."""
    chance = random.Random(f"{seed}-{number}")
    planned = faults.plan(chance, calls, [*field.workers, DOOR], field.terms.lease_s, field.clocked)
    say(f"round {number}: {calls} calls")
    for fault in planned:
        say(f"  {fault}")
    began_s, rung_before = time.monotonic(), len(field.testimony.hear())
    sending = asyncio.create_task(_send(field, chance, calls))
    befalling = [asyncio.create_task(_befall(field, fault, rung_before)) for fault in planned]
    try:
        await asyncio.gather(*befalling)
        await field.start()
        async with asyncio.timeout(OVER_S):
            sent = await sending
    except TimeoutError:
        raise Broken("messages are not taken") from None
    finally:
        for task in (sending, *befalling):
            task.cancel()
        await asyncio.gather(sending, *befalling, return_exceptions=True)
    await _until(lambda: is_over(field), OVER_S, lambda: _left(field))
    if wrong := await oracle.verdict(field, sent):
        raise Broken("\n".join(wrong[:20]))
    took_s = time.monotonic() - began_s
    say(f"  as promised, after {took_s:.1f} s")
    return Played(number, planned, calls, took_s)


async def finish(field: Field) -> None:
    """Wait until everybody has been told of everything, and judge that. Raises Broken."""
    await _until(lambda: _is_told(field), TOLD_S, lambda: _left(field))
    wrong = await oracle.told(field) + await oracle.mailed(field)
    if wrong:
        raise Broken("\n".join(wrong[:20]))


async def _send(field: Field, chance: random.Random, calls: int) -> list[str]:
    """Send a round's calls, in several messages: one is retried, one told by webhooks, one a deposit."""
    share = calls // MESSAGES
    retried = phones(chance, share, hurried=True)
    numbers = phones(chance, calls - share)
    deposits, hooked, rest = numbers[:DEPOSITS], numbers[DEPOSITS:share], numbers[share:]
    sent = [await field.send_retried(retried)]
    sent.append(await field.send(hooked, notify_url=field.receiver.url("/hook")))
    sent.append(await field.send(deposits, kind="deposit", email="someone@example.test"))
    for first in range(0, len(rest), share):
        sent.append(await field.send(rest[first : first + share]))
    return sent


async def _befall(field: Field, fault: Fault, rung_before: int) -> None:
    """Wait for a fault's moment, or as long as it is worth waiting, and let it come."""

    async def has_come() -> bool:
        return len(field.testimony.hear()) >= rung_before + fault.after

    await comes(has_come, STILL_S)
    await field.inflict(fault)


async def _until(is_so: Callable[[], Awaitable[bool]], limit_s: float, left: Callable[[], Awaitable[str]]) -> None:
    if not await comes(is_so, limit_s):
        raise Broken(f"after {limit_s} s there is still: {await left()}")


async def comes(is_so: Callable[[], Awaitable[bool]], limit_s: float) -> bool:
    """Look again and again whether something is so in other processes; tells whether it came in time."""
    deadline = time.monotonic() + limit_s
    while True:
        if await is_so():
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_S)


async def is_over(field: Field) -> bool:
    return not await _some(field, "SELECT 1 FROM campaign WHERE open > 0")


async def _is_told(field: Field) -> bool:
    return not await _some(field, "SELECT 1 FROM webhook WHERE state <> 'delivered'")


async def _some(field: Field, query: str) -> bool:
    try:
        return bool(await field.postgres.ask(f"{query} LIMIT 1"))
    except psycopg.OperationalError:
        return True  # it is just starting


async def _left(field: Field) -> str:
    counts = await field.postgres.ask(
        "SELECT 'calls', state::text, count(*) FROM call WHERE cost_micros IS NULL GROUP BY 2 UNION ALL "
        "SELECT 'webhooks', state, count(*) FROM webhook WHERE state <> 'delivered' GROUP BY 2 UNION ALL "
        "SELECT 'jobs', status::text, count(*) FROM procrastinate_jobs GROUP BY 2"
    )
    return str(counts)
