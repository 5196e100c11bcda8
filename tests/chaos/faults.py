"""What goes wrong: drawn from a seed before a round begins, so that the same seed draws the same faults again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A kind of fault."""

    KILL = "kill -9"
    SLEEP = "put to sleep"
    CUT = "cut the wire of"
    CUT_ANSWER = "cut an answer on the wire of"
    CLOSE_ANSWERS = "close the way back on the wire of"
    HOLD = "hold the wire of"
    SET_CLOCK = "set the clock of"
    RESTART = "restart"
    CRASH = "stop at once, and start,"
    KILL_POSTGRES = "kill -9, and start,"
    TERMINATE = "end half of the sessions of"
    BAD_RECEIVER = "let misbehave"


POSTGRES, RECEIVER = "PostgreSQL", "the receiver of webhooks"

#: What befalls one node, and how often beside the others.
OF_NODES = {
    Kind.KILL: 4,
    Kind.SLEEP: 3,
    Kind.CUT: 2,
    Kind.CUT_ANSWER: 4,
    Kind.CLOSE_ANSWERS: 1,
    Kind.HOLD: 2,
}
OF_POSTGRES = {Kind.RESTART: 1, Kind.CRASH: 1, Kind.KILL_POSTGRES: 1, Kind.TERMINATE: 2}
OF_OTHERS = {Kind.BAD_RECEIVER: 2}

#: How a receiver misbehaves.
MANNERS = ("hangs", "floods", "redirects", "fails", "lies")


@dataclass(frozen=True)
class Fault:
    """A fault to come.

    Args:
        after: how many calls of the round begin before it.
        lasts_s: how long it lasts.
        what: its particulars: bytes that still pass, hours that a clock is set by, a receiver's manner.
    """

    kind: Kind
    victim: str
    after: int
    lasts_s: float
    what: str = ""

    def __str__(self) -> str:
        return f"after {self.after:>5} calls: {self.kind} {self.victim} {self.what}".rstrip() + f" ({self.lasts_s} s)"


def plan(chance: random.Random, calls: int, workers: list[str], lease_s: int, clocked: str | None) -> list[Fault]:
    """Draw the faults of a round, in the order of their moments.

    Args:
        calls: of the round.
        workers: the nodes that may be hit, and the door as well.
        clocked: the node whose clock can be set; ``None`` where none can.
    """
    kinds = OF_NODES | OF_POSTGRES | OF_OTHERS | ({Kind.SET_CLOCK: 2} if clocked else {})
    drawn = chance.choices(list(kinds), list(kinds.values()), k=chance.randint(2, 5))
    moments = sorted(chance.randrange(calls * 3 // 4) for _ in drawn)
    return [_draw(chance, kind, after, workers, lease_s, clocked) for kind, after in zip(drawn, moments, strict=True)]


def _draw(
    chance: random.Random, kind: Kind, after: int, workers: list[str], lease_s: int, clocked: str | None
) -> Fault:
    lasts_s = round(chance.uniform(0, 1), 2)
    what, victim = "", chance.choice(workers)
    match kind:
        case Kind.SLEEP | Kind.HOLD | Kind.RESTART | Kind.CRASH | Kind.KILL_POSTGRES:
            lasts_s = round(chance.uniform(0.2, 2) * lease_s, 2)
        case Kind.CUT_ANSWER:
            what = f"after {chance.randrange(1, 4_000)} bytes"
        case Kind.SET_CLOCK:
            victim, what = clocked or victim, chance.choice(["+1h", "-1h"])
            lasts_s = round(chance.uniform(1, 2) * lease_s, 2)
        case Kind.BAD_RECEIVER:
            victim, what, lasts_s = RECEIVER, chance.choice(MANNERS), round(chance.uniform(1, 3), 2)
        case _:
            pass
    if kind in OF_POSTGRES:
        victim = POSTGRES
    return Fault(kind, victim, after, lasts_s, what)
