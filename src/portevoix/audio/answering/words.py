"""Words, phrases and silences, from a voice detector's yes and no every 20 ms."""

from __future__ import annotations

from portevoix.audio.answering.heard import Word
from portevoix.audio.answering.terms import Terms

FRAME_MS = 20

# Speech has holes, where a consonant is closed or the voice falls into the noise: they count as voice.
_BRIDGED_MS = 200


class Words:
    """Counts what is said.

    A phrase is words with short pauses; its voice and its words are what tell a machine. The greeting is all that
    was said.

    Args:
        terms: what a word and a pause are.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._in_word = False
        self._run_ms = 0  # voice since the last silence that ends a word
        self._run_start_ms = 0
        self._gap_ms = 0
        self.silent_ms = 0
        """Since the last word, or the last tone, or the answer."""
        self.phrase_ms = 0
        self.phrase_words = 0
        self.count = 0
        self.start_ms: int | None = None
        self.end_ms = 0

    def hear(self, at_ms: int, *, is_voice: bool) -> Word | None:
        """Take 20 ms; returns a word that has ended.

        Args:
            at_ms: their end.
        """
        if is_voice:
            self._voice(at_ms)
            return None
        self._gap_ms += FRAME_MS
        self.silent_ms += FRAME_MS
        if self.silent_ms >= self._terms.between_phrases_ms:
            self.phrase_ms = self.phrase_words = 0
        if self._gap_ms < self._terms.between_words_ms:
            return None
        self._run_ms = 0
        if not self._in_word:
            return None
        self._in_word = False
        return Word(at_ms, self._run_start_ms, self.end_ms)

    def hear_tone(self, at_ms: int) -> Word | None:
        """Take 20 ms of a tone, which is neither a word nor silence; returns a word that has ended."""
        ended = self.hear(at_ms, is_voice=False)
        self.silent_ms = 0
        return ended

    def _voice(self, at_ms: int) -> None:
        if not self._run_ms:
            self._run_start_ms = at_ms - FRAME_MS
        if self.phrase_ms and self._gap_ms <= _BRIDGED_MS:
            self.phrase_ms += self._gap_ms
        self._gap_ms = 0
        self._run_ms += FRAME_MS
        self.phrase_ms += FRAME_MS
        if self._run_ms < self._terms.min_word_ms:
            return
        if not self._in_word:
            self._in_word = True
            self.count += 1
            self.phrase_words += 1
            if self.start_ms is None:
                self.start_ms = self._run_start_ms
        self.silent_ms = 0
        self.end_ms = at_ms
