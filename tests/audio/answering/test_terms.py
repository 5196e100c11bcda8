"""What answers are judged by."""

from dataclasses import fields

import pytest

from portevoix.audio.answering.terms import AnsweringInvalid, Terms

NAMES = [term.name for term in fields(Terms)]


def test_what_asterisk_names_too_has_the_values_that_were_measured():
    terms = Terms()
    assert (terms.initial_silence_ms, terms.greeting_ms, terms.after_greeting_silence_ms, terms.total_ms) == (
        4_000,
        1_700,
        1_500,
        7_000,
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0, -20, 100_000])
def test_a_term_out_of_reason_is_refused_by_its_name(name, value):
    with pytest.raises(AnsweringInvalid, match=name):
        Terms(**{name: value})


@pytest.mark.parametrize(
    "terms",
    [
        {"initial_silence_ms": 8_000},
        {"greeting_ms": 8_000},
        {"after_greeting_silence_ms": 800},
        {"between_words_ms": 1_000},
        {"min_word_ms": 2_000},
        {"min_beep_ms": 3_100},
    ],
    ids=lambda terms: next(iter(terms)),
)
def test_terms_that_contradict_each_other_are_refused(terms):
    with pytest.raises(AnsweringInvalid, match=next(iter(terms))):
        Terms(**terms)
