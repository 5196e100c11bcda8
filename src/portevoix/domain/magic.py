"""Magic numbers: what the simulated phones do. The last two digits choose; the two before them are the ring seconds.

They count in the regulator's fiction blocks alone, whose numbers can neither call nor be called. Any other number of
the simulator behaves like ``00`` after ``DEFAULT_RING_S`` seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from portevoix.domain.call import Answerer, Outcome
from portevoix.domain.campaign import Kind
from portevoix.domain.number import Line, Number

DEFAULT_RING_S = 4
OPT_OUT_KEY = "9"
KEY_AFTER_S = 2

#: How long the phone of somebody who does not answer rings, where the number names no time.
RING_TIMEOUT_S = 30


class Trick(StrEnum):
    """What the API or its callbacks do wrong on purpose, for keys of the sandbox alone."""

    INVALID = "invalid"
    NO_CREDIT = "no_credit"
    ERROR_AFTER = "error_after"
    TOO_MANY = "too_many"
    TIMEOUT_AFTER = "timeout_after"
    LATE = "late"
    TWICE = "twice"
    OUT_OF_ORDER = "out_of_order"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a simulated phone does.

    Args:
        meaning: for people.
        outcome: of an attempt.
        stays_s: how long whoever answers listens, at most; a machine listens to the end (``None``).
        keys: pressed after ``KEY_AFTER_S`` seconds.
        answerer: who answers.
        trick: what the API does on purpose.
    """

    meaning: str
    outcome: Outcome = Outcome.ANSWERED
    stays_s: int | None = 6
    keys: str = ""
    answerer: Answerer = Answerer.PERSON
    trick: Trick | None = None


#: By the last two digits; any others answer for 6 s, as 00 does.
BEHAVIOURS: dict[int, Behaviour] = {
    0: Behaviour("answered, listens for 6 s"),
    1: Behaviour("answered, listens for 45 s", stays_s=45),
    10: Behaviour("no answer", Outcome.NO_ANSWER),
    11: Behaviour("busy", Outcome.BUSY),
    12: Behaviour("declined", Outcome.DECLINED),
    13: Behaviour("unreachable", Outcome.UNREACHABLE),
    14: Behaviour("hung up after 2 s", stays_s=2),
    20: Behaviour("voicemail takes the message", Outcome.VOICEMAIL, stays_s=None, answerer=Answerer.MACHINE),
    21: Behaviour("the mailbox is full", Outcome.MAILBOX_FULL),
    22: Behaviour("answered, by a machine or a person: not known", answerer=Answerer.UNKNOWN),
    30: Behaviour("presses 1", keys="1"),
    39: Behaviour("presses the opt-out key", keys=OPT_OUT_KEY),
    40: Behaviour("the API refuses it: DESTINATION_INVALID", trick=Trick.INVALID),
    41: Behaviour("opted out: not called", Outcome.OPTED_OUT),
    42: Behaviour("the API refuses it: NOT_CREDIT", trick=Trick.NO_CREDIT),
    43: Behaviour("blocked as fraud", Outcome.BLOCKED),
    44: Behaviour("outside the hours in which it may be called", Outcome.OUTSIDE_HOURS),
    50: Behaviour("accepted, but the API answers HTTP 500", trick=Trick.ERROR_AFTER),
    51: Behaviour("the API answers HTTP 429", trick=Trick.TOO_MANY),
    52: Behaviour("accepted, but the API's answer never comes", trick=Trick.TIMEOUT_AFTER),
    60: Behaviour("answered; the callback comes a minute late", trick=Trick.LATE),
    61: Behaviour("answered; the callback comes twice", trick=Trick.TWICE),
    62: Behaviour("answered; a callback that it is pending comes last", trick=Trick.OUT_OF_ORDER),
    63: Behaviour("answered; the callback never comes", trick=Trick.NEVER),
    70: Behaviour("the first route fails, the second succeeds", Outcome.CONGESTION),
}

#: What 80 to 89 choose from, by the seed.
RANDOM = (0, 0, 0, 1, 10, 11, 12, 13, 14, 20)

_NOT_RINGING = frozenset(
    {
        Outcome.BUSY,
        Outcome.UNREACHABLE,
        Outcome.OPTED_OUT,
        Outcome.BLOCKED,
        Outcome.OUTSIDE_HOURS,
        Outcome.CONGESTION,
        Outcome.INVALID_NUMBER,
    }
)


@dataclass(frozen=True, slots=True)
class Script:
    """What a simulated attempt does, in seconds from when it was dialled.

    Args:
        rings_at_s: when the phone begins to ring; ``None`` where it does not.
        answers_at_s: when it is answered; ``None`` where it is not.
        ends_at_s: when it is over.
    """

    outcome: Outcome
    rings_at_s: int | None
    answers_at_s: int | None
    ends_at_s: int
    answerer: Answerer = Answerer.UNKNOWN
    keys: str = field(default="")


def code_of(number: Number) -> int | None:
    """The last two digits of a magic number; ``None`` for any other."""
    return int(number.digits[-2:]) if number.is_fiction else None


def trick_of(number: Number) -> Trick | None:
    """What the API or its callbacks do on purpose for a number."""
    behaviour = BEHAVIOURS.get(code_of(number) or 0)
    return behaviour.trick if behaviour else None


def ring_s(number: Number) -> int:
    """How long a simulated phone rings before it is answered."""
    return int(number.digits[-4:-2]) if number.is_fiction else DEFAULT_RING_S


def script(number: Number, kind: Kind, message_s: int, *, route: int = 0, seed: int = 0, attempt: int = 1) -> Script:
    """Tell what a simulated phone does with one attempt.

    Args:
        message_s: how long the message plays, in whole seconds.
        route: 0 for the first route.
        seed: chooses what 80 to 89 do, together with the number and the attempt.
    """
    code = code_of(number) or 0
    if 80 <= code <= 89:
        drawn = sha256(f"{seed}/{number.digits}/{attempt}".encode()).digest()
        code = RANDOM[drawn[0] % len(RANDOM)]
    behaviour = BEHAVIOURS.get(code, BEHAVIOURS[0])
    if behaviour.outcome is Outcome.CONGESTION and route > 0:
        behaviour = BEHAVIOURS[0]
    if behaviour.outcome in _NOT_RINGING:
        return Script(behaviour.outcome, None, None, 0)
    if kind is Kind.DEPOSIT:
        return _deposit(behaviour, number, message_s)
    return _call(behaviour, ring_s(number), message_s)


def _call(behaviour: Behaviour, rings_s: int, message_s: int) -> Script:
    if behaviour.outcome in (Outcome.NO_ANSWER, Outcome.MAILBOX_FULL):
        return Script(behaviour.outcome, 0, None, rings_s or RING_TIMEOUT_S)
    if behaviour.outcome is Outcome.DECLINED:
        return Script(behaviour.outcome, 0, None, rings_s)
    stays_s = message_s if behaviour.stays_s is None else min(behaviour.stays_s, message_s)
    keys = behaviour.keys if stays_s >= KEY_AFTER_S else ""
    return Script(behaviour.outcome, 0, rings_s, rings_s + stays_s, behaviour.answerer, keys)


def _deposit(behaviour: Behaviour, number: Number, message_s: int) -> Script:
    """A mobile's voicemail is reached without ringing; a landline rings, and its machine answers if nobody does."""
    if behaviour.outcome is Outcome.MAILBOX_FULL:
        return Script(behaviour.outcome, None, None, 0)
    if number.line is Line.MOBILE:
        return Script(Outcome.VOICEMAIL, None, 0, message_s, Answerer.MACHINE)
    rings_s = ring_s(number)
    if behaviour.outcome is Outcome.DECLINED:
        return Script(behaviour.outcome, 0, None, rings_s)
    if behaviour.outcome in (Outcome.NO_ANSWER, Outcome.VOICEMAIL):
        rings_s = rings_s or (RING_TIMEOUT_S if behaviour.outcome is Outcome.NO_ANSWER else 0)
        return Script(Outcome.VOICEMAIL, 0, rings_s, rings_s + message_s, Answerer.MACHINE)
    return Script(Outcome.TAKEN_BY_PERSON, 0, rings_s, rings_s + 1, behaviour.answerer)
