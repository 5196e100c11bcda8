"""Who answered, and whether a message may begin: from words, silences and signals. In doubt, a person."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from portevoix.audio.answering.heard import Beep, Busy, Cue, Decided, Decision, Fax, Heard, Ready, Sit, Verdict, Why
from portevoix.audio.answering.signals import Signal
from portevoix.audio.answering.terms import Terms
from portevoix.audio.answering.words import Words

# A message that waited for a beep starts again for a second one only if that comes soon: a later one tells that the
# recording ends.
_BEEP_AGAIN_MS = 5_000

_SURE = 0.99
_MACHINE: Mapping[Why, float] = {Why.LONG_GREETING: 0.9, Why.MANY_WORDS: 0.7}
_LATE_MACHINE = 0.7
_SILENCE = 0.8
_UNSURE = 0.5
_SHORTEST_GREETING, _LONGEST_GREETING = 0.95, 0.6

_WHY: Mapping[type[Signal], Why] = {Beep: Why.BEEP, Busy: Why.BUSY, Sit: Why.SIT, Fax: Why.FAX}


class Deciding:
    """Decides, and decides again where more is heard.

    Args:
        words: what was said so far; kept up by the caller.
    """

    def __init__(self, terms: Terms, words: Words) -> None:
        self._terms = terms
        self._words = words
        self._decided: Decided | None = None
        self._beep: Beep | None = None
        self._ready: Ready | None = None
        self.is_over = False
        """Whether nothing more will be told."""

    def hear(self, at_ms: int, *, is_tone: bool) -> list[Heard]:
        """Judge after each 20 ms; returns what is known by now that was not before.

        Args:
            is_tone: whether a tone is heard, or was and may prove a beep: nothing is concluded from silence then.
        """
        if self.is_over:
            return []
        silent_ms = 0 if is_tone else self._words.silent_ms
        if self._decided is not None and self._decided.is_final:
            return self._end_of_greeting(at_ms, silent_ms)
        if self._decided is not None and self._decided.decision is Decision.PERSON:
            decided = self._listen_on(at_ms, self._decided)
        else:
            decided = self._decide(at_ms, silent_ms)
        return [] if decided is None else [self._keep(decided)]

    def hear_signal(self, at_ms: int, signal: Signal) -> list[Heard]:
        """Judge a signal; returns it with what follows from it."""
        heard: list[Heard] = []
        if not isinstance(signal, Beep) or self._decided is None or self._decided.decision is not Decision.MACHINE:
            heard.append(self._keep(Decided(at_ms, Decision.MACHINE, _WHY[type(signal)], _SURE, is_final=True)))
        heard.append(signal)
        if not isinstance(signal, Beep):
            self.is_over = True
            return heard
        self._beep = signal
        ready = self._after_beep(at_ms)
        return heard if ready is None else [*heard, ready]

    def verdict(self) -> Verdict:
        """Sum up what is known by now."""
        decided, words = self._decided, self._words
        return Verdict(
            decision=decided.decision if decided else None,
            why=decided.why if decided else None,
            confidence=self._confidence(),
            decided_ms=decided.at_ms if decided else None,
            greeting_start_ms=words.start_ms,
            greeting_ms=0 if words.start_ms is None else words.end_ms - words.start_ms,
            words=words.count,
            beep_ms=self._beep.end_ms if self._beep else None,
            ready_ms=self._ready.at_ms if self._ready else None,
        )

    def _keep(self, decided: Decided) -> Decided:
        self._decided = decided
        return decided

    def _decide(self, at_ms: int, silent_ms: int) -> Decided | None:
        terms, words = self._terms, self._words
        if (why := self._speaks_like_a_machine()) is not None:
            return Decided(at_ms, Decision.MACHINE, why, _MACHINE[why], is_final=True)
        if words.count and silent_ms >= terms.after_greeting_silence_ms:
            return Decided(at_ms, Decision.PERSON, Why.SHORT_GREETING, self._of_a_person(), is_final=False)
        if at_ms >= terms.total_ms:
            decision, why = (Decision.UNSURE, Why.TOO_LONG) if words.count else (Decision.SILENCE, Why.INITIAL_SILENCE)
            return Decided(at_ms, decision, why, _UNSURE if words.count else _SILENCE, is_final=True)
        if self._decided is None and not words.count and silent_ms >= terms.initial_silence_ms:
            return Decided(at_ms, Decision.SILENCE, Why.INITIAL_SILENCE, _SILENCE, is_final=False)
        return None

    def _listen_on(self, at_ms: int, person: Decided) -> Decided | None:
        """Whether a machine shows itself after what a person could have said, or there was time enough for it."""
        if (why := self._speaks_like_a_machine()) is not None:
            return Decided(at_ms, Decision.MACHINE, why, _LATE_MACHINE, is_final=True)
        is_speaking = self._words.phrase_words > 0
        if at_ms >= person.at_ms + self._terms.listening_on_ms and not is_speaking:
            return replace(person, at_ms=at_ms, is_final=True)
        return None

    def _speaks_like_a_machine(self) -> Why | None:
        if self._words.phrase_words > self._terms.max_words:
            return Why.MANY_WORDS
        is_long = self._words.phrase_words > 0 and self._words.phrase_ms >= self._terms.greeting_ms
        return Why.LONG_GREETING if is_long else None

    def _of_a_person(self) -> float:
        """The confidence in a person: the shorter the greeting, the higher."""
        length_ms = self._words.end_ms - (self._words.start_ms or 0)
        share = min(length_ms / self._terms.greeting_ms, 1.0)
        return round(_SHORTEST_GREETING - share * (_SHORTEST_GREETING - _LONGEST_GREETING), 2)

    def _confidence(self) -> float:
        if self._decided is None:
            return 0.0
        return _SURE if self._beep else self._decided.confidence

    def _end_of_greeting(self, at_ms: int, silent_ms: int) -> list[Heard]:
        if (
            self._ready is not None
            or self._decided is None
            or self._decided.decision is not Decision.MACHINE
            or silent_ms < self._terms.end_silence_ms
        ):
            return []
        self._ready = Ready(at_ms, Cue.END_OF_GREETING, is_again=False)
        return [self._ready]

    def _after_beep(self, at_ms: int) -> Ready | None:
        before = self._ready
        if before is not None and before.cue is Cue.BEEP and at_ms - before.at_ms > _BEEP_AGAIN_MS:
            return None
        self._ready = Ready(at_ms, Cue.BEEP, is_again=before is not None)
        return self._ready
