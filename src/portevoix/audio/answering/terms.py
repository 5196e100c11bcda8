"""When sound counts as a word, a greeting, a machine. Names are those of Asterisk's AMD where they mean the same."""

from __future__ import annotations

from dataclasses import dataclass, fields

from portevoix.domain.errors import InvalidValue

LONGEST_MS = 60_000
MOST_WORDS = 100


class AnsweringInvalid(InvalidValue):
    """The terms by which answers are judged contradict themselves or reality."""

    code = "answering_invalid"


@dataclass(frozen=True, slots=True)
class Terms:
    """What answers are judged by. Sound is heard in steps of 20 ms, so other values count as the next step.

    Args:
        initial_silence_ms: nobody has spoken for so long after the answer: silence.
        greeting_ms: as much voice in one greeting is a machine's.
        after_greeting_silence_ms: so long a silence after a shorter greeting: a person, who waits for an answer.
        total_ms: what is not known this long after the answer is unsure (Asterisk: total_analysis_time).
        min_word_ms: shorter sounds are no words (Asterisk: min_word_length).
        between_words_ms: a silence that ends a word (Asterisk: between_words_silence).
        max_words: more in one greeting are a machine's (Asterisk: maximum_number_of_words).
        between_phrases_ms: a silence that ends a greeting's count of voice and words, so that "allô?", said three
            times, is no long greeting.
        listening_on_ms: how long a person is still taken for a machine if one shows itself; longer while something is
            being said.
        end_silence_ms: so long a silence after a machine's greeting: there will be no beep.
        min_beep_ms, max_beep_ms: a beep's length.
        after_beep_silence_ms: a tone is a beep only when so long a silence follows.

    Raises:
        AnsweringInvalid.
    """

    initial_silence_ms: int = 4_000
    greeting_ms: int = 1_700
    after_greeting_silence_ms: int = 1_500
    total_ms: int = 7_000
    min_word_ms: int = 100
    between_words_ms: int = 60
    max_words: int = 7
    between_phrases_ms: int = 900
    listening_on_ms: int = 2_500
    end_silence_ms: int = 1_500
    min_beep_ms: int = 120
    max_beep_ms: int = 3_000
    after_beep_silence_ms: int = 300

    def __post_init__(self) -> None:
        for term in fields(self):
            least, most = (1, MOST_WORDS) if term.name == "max_words" else (20, LONGEST_MS)
            if not least <= getattr(self, term.name) <= most:
                raise AnsweringInvalid(f"{term.name} is {least} to {most}")
        self._in_order("between_words_ms", "between_phrases_ms", "after_greeting_silence_ms", "total_ms")
        self._in_order("min_word_ms", "greeting_ms", "total_ms")
        self._in_order("initial_silence_ms", "total_ms")
        self._in_order("min_beep_ms", "max_beep_ms")

    def _in_order(self, *names: str) -> None:
        values = [getattr(self, name) for name in names]
        if values != sorted(values):
            raise AnsweringInvalid(f"these must not fall: {', '.join(names)}")
