"""What the analyser tells of a call. Times are milliseconds since the first sample that it was given."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Decision(StrEnum):
    """Who answered."""

    PERSON = "person"
    MACHINE = "machine"
    SILENCE = "silence"
    UNSURE = "unsure"


class Why(StrEnum):
    """What a decision stands on."""

    SHORT_GREETING = "short_greeting"
    LONG_GREETING = "long_greeting"
    MANY_WORDS = "many_words"
    BEEP = "beep"
    BUSY = "busy"
    SIT = "sit"
    FAX = "fax"
    INITIAL_SILENCE = "initial_silence"
    TOO_LONG = "too_long"


class Cue(StrEnum):
    """What says that a message may begin."""

    BEEP = "beep"
    END_OF_GREETING = "end_of_greeting"


class Word(Struct, frozen=True, tag=True, array_like=True):
    """Somebody, or something, has said a word; told at its end."""

    at_ms: int
    start_ms: int
    end_ms: int


class Decided(Struct, frozen=True, tag=True, array_like=True):
    """It is known who answered, or known better.

    Args:
        confidence: 0 to 1; a rule of thumb, no probability.
        is_final: whether to act on it without waiting; only a beep or a network's tone could still change it.
    """

    at_ms: int
    decision: Decision
    why: Why
    confidence: float
    is_final: bool


class Beep(Struct, frozen=True, tag=True, array_like=True):
    """A machine's beep, told once silence has followed it."""

    at_ms: int
    start_ms: int
    end_ms: int
    frequency_hz: int


class Ready(Struct, frozen=True, tag=True, array_like=True):
    """A message may begin.

    Args:
        is_again: it was told before; a message under way is to start again from its beginning.
    """

    at_ms: int
    cue: Cue
    is_again: bool


class Busy(Struct, frozen=True, tag=True, array_like=True):
    """A busy or congestion tone: nobody is there any more. Nothing is told after it."""

    at_ms: int
    frequency_hz: int


class Sit(Struct, frozen=True, tag=True, array_like=True):
    """A special information tone: the network speaks, no machine of the callee's. Nothing is told after it."""

    at_ms: int


class Fax(Struct, frozen=True, tag=True, array_like=True):
    """A fax. Nothing is told after it."""

    at_ms: int
    frequency_hz: int


Heard = Word | Decided | Beep | Ready | Busy | Sit | Fax


class Verdict(Struct, frozen=True, array_like=True):
    """What is known of a call's answer, in short: for its timeline.

    Args:
        decision, why, confidence, decided_ms: the last decision; ``None`` and 0 where there is none yet.
        greeting_start_ms: when the first word began; ``None`` where nothing was said.
        greeting_ms: from its first word's start to its last word's end, pauses included.
        words: how many words it had.
        beep_ms: when the last beep ended.
        ready_ms: when a message might last begin.
    """

    decision: Decision | None
    why: Why | None
    confidence: float
    decided_ms: int | None
    greeting_start_ms: int | None
    greeting_ms: int
    words: int
    beep_ms: int | None
    ready_ms: int | None


NOTHING_YET = Verdict(None, None, 0.0, None, None, 0, 0, None, None)
"""What is known of a call that has just been answered."""
