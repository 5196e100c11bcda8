"""What is done once a call is answered: when the message plays, when it plays again, when the call is over.

Pure: told what is heard and when the message has been played, it says what to do.

| sent | answered by | what is done | outcome |
|---|---|---|---|
| voice SMS | anybody | play at once, or after the first word's end, two seconds at most | answered |
| deposit, landline | a person, or in doubt | hang up once the analyser is sure | taken_by_person |
| deposit, landline | a machine | play on the beep, or after its greeting; again on a beep | voicemail |
| deposit, mobile | a mailbox, by the dial rule | the same, and after silence too | voicemail |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from portevoix.audio.answering.heard import Beep, Busy, Cue, Decided, Decision, Fax, Heard, Ready, Sit, Verdict, Word
from portevoix.carrier.sip.terms import Answering
from portevoix.carrier.sip.wire import Mode
from portevoix.domain.call import Answerer, Outcome

FIRST_WORD_MS = 2_000
"""How long a voice SMS waits for the first word's end."""
LONGEST_WAIT_MS = 60_000
"""How long a deposit waits for a greeting to end."""
BEEP_MAY_COME_MS = 2_500
"""How long a call goes on after a message that began without a beep: one may still come."""


PLAY_OUT_S = 0.5
"""How long a call goes on after the end of its hold, in nobody's time: media begin a little after the answer, and a
message that lasts as long as the hold is not to lose its last syllable."""


@dataclass(frozen=True, slots=True)
class Play:
    """Play the message from its beginning, also when it is playing."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call.

    Args:
        after_ms: how long to wait with it; a Play that comes meanwhile takes it back.
    """

    outcome: Outcome
    answerer: Answerer
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """Show something in the call's timeline."""

    what: str
    detail: str = ""


Step = Play | HangUp | Note


def summary(verdict: Verdict) -> Note:
    """Sum up who answered, for the call's timeline; what is not known is left out."""
    said: dict[str, object] = {
        "decision": verdict.decision,
        "why": verdict.why,
        "confidence": None if verdict.decision is None else f"{verdict.confidence:.2f}",
        "decided_ms": verdict.decided_ms,
        "greeting_start_ms": verdict.greeting_start_ms,
        "greeting_ms": verdict.greeting_ms,
        "words": verdict.words,
        "beep_ms": verdict.beep_ms,
        "ready_ms": verdict.ready_ms,
    }
    return Note("answerer", " ".join(f"{name}={value}" for name, value in said.items() if value is not None))


class Plan:
    """What is done with one answered call.

    Args:
        mode: what was asked for.
        answering: when a voice SMS begins.
        tail_ms: silence between the last sample and BYE.
    """

    def __init__(self, mode: Mode, answering: Answering, tail_ms: int) -> None:
        self._mode = mode
        self._answering = answering
        self._tail_ms = tail_ms
        self._answerer = Answerer.MACHINE if mode.is_mailbox else Answerer.UNKNOWN
        self._cue: Cue | None = None
        self._has_begun = False
        self._is_played = False
        self._is_over = False
        self._is_deaf = False

    @property
    def listens(self) -> bool:
        """Whether what is said must be heard."""
        return not (self._is_over or self._is_deaf) and (self._mode.deposits or not self._has_begun)

    @property
    def wait_ms(self) -> int:
        """How long after the answer something is done whatever was heard."""
        return LONGEST_WAIT_MS if self._mode.deposits else FIRST_WORD_MS

    def answered(self) -> list[Step]:
        """The call was answered."""
        if not self._mode.deposits and self._answering is Answering.AT_ONCE:
            return self._play(None)
        return []

    def hear(self, heard: Sequence[Heard], at_ms: int) -> list[Step]:
        """Something was heard, or the time has come that ``wait_ms`` tells.

        Args:
            at_ms: since the answer.
        """
        steps: list[Step] = []
        for one in heard:
            if not self._is_over:
                steps += self._deposit(one) if self._mode.deposits else self._voice(one)
        return steps + self._waited(at_ms)

    def deaf(self) -> list[Step]:
        """No more will be heard: a message that plays goes on; one that waits for a word plays, for a beep never."""
        self._is_deaf = True
        if self._is_over or self._has_begun:
            return [Note("deaf")]
        if self._mode.deposits:
            return self._hang_up(Outcome.UNREACHABLE, Note("deaf"))
        return [Note("deaf"), *self._play(None)]

    def played(self) -> list[Step]:
        """The last sample has left."""
        self._is_played = True
        if not self._mode.deposits:
            return [HangUp(Outcome.ANSWERED, self._answerer, self._tail_ms)]
        tail_ms = self._tail_ms if self._cue is Cue.BEEP else max(self._tail_ms, BEEP_MAY_COME_MS)
        return [HangUp(Outcome.VOICEMAIL, self._answerer, tail_ms)]

    def left(self) -> HangUp:
        """Tell how a call ended that the far end hung up."""
        if not self._mode.deposits:
            return HangUp(Outcome.ANSWERED, self._answerer)
        if self._is_played:
            return HangUp(Outcome.VOICEMAIL, self._answerer)
        if self._answerer is Answerer.MACHINE:  # it took nothing, or not all of it
            return HangUp(Outcome.MAILBOX_FULL, self._answerer)
        return HangUp(Outcome.TAKEN_BY_PERSON, self._answerer)

    def cut(self) -> HangUp:
        """Tell how a call ended that we had to cut."""
        if self._mode.deposits and not self._is_played:
            return HangUp(Outcome.UNREACHABLE, self._answerer)
        return self.left()

    def _play(self, cue: Cue | None) -> list[Step]:
        self._has_begun, self._is_played, self._cue = True, False, cue
        return [Play()]

    def _hang_up(self, outcome: Outcome, note: Note) -> list[Step]:
        self._is_over = True
        return [note, HangUp(outcome, self._answerer)]

    def _waited(self, at_ms: int) -> list[Step]:
        if self._is_over or self._has_begun:
            return []
        if not self._mode.deposits and at_ms >= self.wait_ms:
            return self._play(None)
        if self._mode.deposits and at_ms >= self.wait_ms:
            return self._hang_up(Outcome.UNREACHABLE, Note("no_beep"))
        return []

    def _voice(self, one: Heard) -> list[Step]:
        return self._play(None) if isinstance(one, Word) and not self._has_begun else []

    def _deposit(self, one: Heard) -> list[Step]:
        match one:
            case Decided():
                return self._decided(one)
            case Ready():
                return [Note("ready", one.cue), *self._play(one.cue)]
            case Beep():
                return [Note("beep", f"hz={one.frequency_hz} ms={one.end_ms - one.start_ms}")]
            case Busy():
                return self._hang_up(Outcome.BUSY, Note("busy_tone", f"hz={one.frequency_hz}"))
            case Sit():
                return self._hang_up(Outcome.UNREACHABLE, Note("information_tone"))
            case Fax():
                return self._hang_up(Outcome.UNREACHABLE, Note("fax", f"hz={one.frequency_hz}"))
            case Word():
                return []
            case _:
                assert_never(one)

    def _decided(self, one: Decided) -> list[Step]:
        said = f"why={one.why} confidence={one.confidence:.2f}"
        note = Note(one.decision, said if one.is_final else f"{said} listening_on")
        if one.decision is Decision.MACHINE:
            self._answerer = Answerer.MACHINE
            return [note]
        if self._mode.is_mailbox:  # nobody else can answer: a short greeting, or none at all
            return [note] if self._has_begun else [note, *self._play(Cue.END_OF_GREETING)]
        if not one.is_final:
            return [note]
        self._answerer = Answerer.PERSON if one.decision is Decision.PERSON else Answerer.UNKNOWN
        return self._hang_up(Outcome.TAKEN_BY_PERSON, note)
