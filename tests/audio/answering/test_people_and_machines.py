"""Who answered, by what is said and how long; and when a message may begin."""

import pytest
from soundtrack import hear, judge, of

from portevoix.audio.answering.heard import Beep, Cue, Decided, Decision, Ready, Why, Word
from portevoix.audio.answering.terms import Terms


def decisions(heard):
    return [(one.decision, one.is_final) for one in of(heard, Decided)]


def test_a_short_greeting_and_silence_are_a_person_who_is_listened_to_for_a_while():
    heard = hear("silent 400, say 800, silent 5000")
    first, last = of(heard, Decided)
    assert (first.decision, first.why, first.is_final) == (Decision.PERSON, Why.SHORT_GREETING, False)
    assert (last.decision, last.is_final) == (Decision.PERSON, True)
    assert abs(first.at_ms - 2_700) <= 60
    assert last.at_ms - first.at_ms == Terms().listening_on_ms


def test_a_shorter_greeting_is_more_certainly_a_persons():
    short, longer = (of(hear(f"say {ms}, silent 2000"), Decided)[0] for ms in (300, 1_300))
    assert 1 >= short.confidence > longer.confidence >= 0.5


def test_a_word_is_told_when_it_has_ended():
    (word,) = of(hear("silent 400, say 800, silent 1000"), Word)
    assert abs(word.start_ms - 400) <= 40
    assert abs(word.end_ms - 1_200) <= 40
    assert word.at_ms - word.end_ms <= 80


def test_a_long_greeting_is_a_machine_while_it_is_being_said():
    heard = hear("silent 400, say 4000, silent 1000")
    (decided,) = of(heard, Decided)
    assert (decided.decision, decided.why, decided.is_final) == (Decision.MACHINE, Why.LONG_GREETING, True)
    assert 2_100 <= decided.at_ms <= 2_300


def test_many_words_are_a_machine():
    heard = hear(", ".join(["say 200, silent 240"] * 9), Terms(greeting_ms=5_000))
    assert of(heard, Decided)[0].why is Why.MANY_WORDS


def test_somebody_who_says_allo_again_and_again_is_a_person():
    heard = hear("silent 300, say 600, silent 1200, say 600, silent 1200, say 600, silent 5000")
    assert decisions(heard) == [(Decision.PERSON, False), (Decision.PERSON, True)]


def test_the_same_without_pauses_would_be_a_machine():
    assert decisions(hear("silent 300, say 1800, silent 3000")) == [(Decision.MACHINE, True)]


def test_a_machine_that_begins_late_is_found_after_all():
    heard = hear("silent 300, say 600, silent 2400, say 3000, silent 2000")
    assert decisions(heard) == [(Decision.PERSON, False), (Decision.MACHINE, True)]
    assert [ready.cue for ready in of(heard, Ready)] == [Cue.END_OF_GREETING]


def test_a_beep_turns_a_person_into_a_machine():
    heard = hear("silent 300, say 600, silent 2000, tone 900 400, silent 1000")
    assert decisions(heard) == [(Decision.PERSON, False), (Decision.MACHINE, True)]
    assert of(heard, Decided)[-1].why is Why.BEEP


def test_a_beep_turns_even_a_final_person_into_a_machine():
    heard = hear("say 600, silent 6000, tone 900 400, silent 1000")
    assert decisions(heard) == [(Decision.PERSON, False), (Decision.PERSON, True), (Decision.MACHINE, True)]


def test_silence_is_told_and_then_final():
    first, last = of(hear("silent 9000"), Decided)
    assert (first.decision, first.at_ms, first.is_final) == (Decision.SILENCE, 4_000, False)
    assert (last.decision, last.at_ms, last.is_final) == (Decision.SILENCE, 7_000, True)


def test_somebody_who_speaks_after_a_long_silence_is_a_person():
    heard = hear("silent 4500, say 500, silent 5000")
    assert decisions(heard) == [(Decision.SILENCE, False), (Decision.PERSON, False), (Decision.PERSON, True)]


def test_what_is_not_known_in_time_is_unsure():
    heard = hear("silent 5500, say 900, silent 3000")
    assert of(heard, Decided)[-1] == Decided(7_000, Decision.UNSURE, Why.TOO_LONG, 0.5, is_final=True)


@pytest.mark.parametrize("noise_level", [0.003, 0.02, 0.05, 0.1])
def test_steady_noise_is_silence(noise_level):
    heard = hear("silent 9000", noise_level=noise_level)
    assert decisions(heard) == [(Decision.SILENCE, False), (Decision.SILENCE, True)]


def test_a_click_is_no_word_and_does_not_drown_what_follows():
    heard = hear("silent 200, tone 777 10, silent 300, say 700, silent 5000", tone_level=0.9)
    assert len(of(heard, Word)) == 1
    assert of(heard, Decided)[-1].decision is Decision.PERSON


def test_a_message_begins_on_the_beep():
    heard = hear("silent 400, say 3000, silent 500, tone 1000 400, silent 3000")
    (ready,) = of(heard, Ready)
    (beep,) = of(heard, Beep)
    assert (ready.cue, ready.is_again) == (Cue.BEEP, False)
    assert 4_300 <= beep.end_ms <= ready.at_ms <= 4_700


def test_without_a_beep_a_message_begins_after_the_greeting():
    (ready,) = of(hear("silent 400, say 3000, silent 3000"), Ready)
    assert (ready.cue, ready.is_again) == (Cue.END_OF_GREETING, False)
    assert abs(ready.at_ms - 4_900) <= 80


def test_a_beep_that_comes_late_has_the_message_begin_again():
    heard = hear("silent 300, say 3000, silent 2500, tone 900 300, silent 1000")
    assert [(ready.cue, ready.is_again) for ready in of(heard, Ready)] == [
        (Cue.END_OF_GREETING, False),
        (Cue.BEEP, True),
    ]


def test_a_second_beep_soon_after_the_first_has_the_message_begin_again():
    heard = hear("say 3000, silent 300, tone 900 300, silent 900, tone 900 300, silent 1000")
    assert [ready.is_again for ready in of(heard, Ready)] == [False, True]


def test_the_beep_that_ends_a_recording_does_not():
    heard = hear("say 3000, silent 300, tone 900 300, silent 9000, tone 900 300, silent 1000")
    assert len(of(heard, Beep)) == 2
    assert len(of(heard, Ready)) == 1


def test_a_person_is_not_told_to_be_ready_for():
    assert of(hear("say 600, silent 9000"), Ready) == []


@pytest.mark.parametrize("gap_ms", [1_000, 1_200, 1_400])
def test_a_pause_within_a_greeting_is_not_its_end(gap_ms):
    heard = hear(f"say 2500, silent {gap_ms}, say 1500, silent 3000")
    (ready,) = of(heard, Ready)
    assert ready.at_ms > 2_500 + gap_ms + 1_500


def test_a_call_is_summed_up():
    verdict = judge("silent 400, say 3000, silent 500, tone 1000 400, silent 3000")
    assert (verdict.decision, verdict.why, verdict.words) == (Decision.MACHINE, Why.LONG_GREETING, 1)
    assert verdict.confidence == pytest.approx(0.99)  # by the beep
    assert abs(verdict.greeting_start_ms - 400) <= 40
    assert abs(verdict.greeting_ms - 3_000) <= 60
    assert abs(verdict.beep_ms - 4_300) <= 40
    assert verdict.ready_ms > verdict.beep_ms


def test_before_anything_is_known_the_summary_says_so():
    verdict = judge("silent 300")
    assert (verdict.decision, verdict.why, verdict.confidence, verdict.decided_ms) == (None, None, 0, None)
    assert (verdict.greeting_start_ms, verdict.greeting_ms, verdict.words) == (None, 0, 0)
