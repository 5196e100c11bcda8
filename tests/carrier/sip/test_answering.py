"""What is done once a call is answered, as a script of what is heard."""

from __future__ import annotations

import pytest

from portevoix.audio.answering.heard import Beep, Busy, Cue, Decided, Decision, Fax, Ready, Sit, Verdict, Why, Word
from portevoix.carrier.sip.answering import (
    BEEP_MAY_COME_MS,
    FIRST_WORD_MS,
    LONGEST_WAIT_MS,
    HangUp,
    Note,
    Plan,
    Play,
    Step,
    summary,
)
from portevoix.carrier.sip.terms import Answering
from portevoix.carrier.sip.wire import Mode
from portevoix.domain.call import Answerer, Outcome

TAIL_MS = 400


def plan(*, deposits: bool = False, mailbox: bool = False, answering: Answering = Answering.AT_ONCE) -> Plan:
    return Plan(Mode(deposits, mailbox), answering, TAIL_MS)


def acts(steps: list[Step]) -> list[Step]:
    return [one for one in steps if not isinstance(one, Note)]


def decided(decision: Decision, *, final: bool = True) -> Decided:
    return Decided(2_000, decision, Why.SHORT_GREETING, 0.9, is_final=final)


BEEP = Beep(3_000, 2_500, 2_800, 1_000)
GREETING_OVER = Ready(4_000, Cue.END_OF_GREETING, is_again=False)
AT_BEEP = Ready(3_000, Cue.BEEP, is_again=False)
AGAIN = Ready(6_000, Cue.BEEP, is_again=True)


def test_a_voice_sms_plays_at_once_and_ends_after_a_short_silence() -> None:
    call = plan()
    assert call.answered() == [Play()]
    assert not call.listens
    assert call.played() == [HangUp(Outcome.ANSWERED, Answerer.UNKNOWN, TAIL_MS)]


def test_a_voice_sms_may_wait_for_the_first_words_end() -> None:
    call = plan(answering=Answering.AFTER_WORD)
    assert call.answered() == []
    assert call.listens
    assert call.hear([], 600) == []
    assert call.hear([Word(900, 300, 800)], 900) == [Play()]
    assert call.hear([Word(1_900, 1_300, 1_800)], 1_900) == []


def test_a_voice_sms_waits_for_two_seconds_at_most() -> None:
    call = plan(answering=Answering.AFTER_WORD)
    call.answered()
    assert call.hear([], FIRST_WORD_MS) == [Play()]


def test_a_voice_sms_that_waits_for_a_word_plays_when_no_more_will_be_heard() -> None:
    call = plan(answering=Answering.AFTER_WORD)
    call.answered()
    assert acts(call.deaf()) == [Play()]
    assert not call.listens


def test_a_deposit_that_waits_ends_when_no_more_will_be_heard() -> None:
    call = plan(deposits=True)
    call.answered()
    assert acts(call.deaf()) == [HangUp(Outcome.UNREACHABLE, Answerer.UNKNOWN)]


def test_a_deposit_that_plays_goes_on_when_no_more_will_be_heard() -> None:
    call = plan(deposits=True)
    call.answered()
    call.hear([decided(Decision.MACHINE), AT_BEEP], 3_000)
    assert acts(call.deaf()) == []
    assert not call.listens
    assert call.played() == [HangUp(Outcome.VOICEMAIL, Answerer.MACHINE, TAIL_MS)]


def test_a_person_who_hangs_up_on_a_voice_sms_has_answered() -> None:
    call = plan()
    call.answered()
    assert call.left() == HangUp(Outcome.ANSWERED, Answerer.UNKNOWN)


def test_a_deposit_is_not_played_to_a_person() -> None:
    call = plan(deposits=True)
    assert call.answered() == []
    assert acts(call.hear([decided(Decision.PERSON, final=False)], 1_500)) == []
    assert acts(call.hear([decided(Decision.PERSON)], 4_000)) == [HangUp(Outcome.TAKEN_BY_PERSON, Answerer.PERSON)]
    assert not call.listens


@pytest.mark.parametrize("decision", [Decision.UNSURE, Decision.SILENCE])
def test_in_doubt_it_is_a_person(decision: Decision) -> None:
    call = plan(deposits=True)
    assert acts(call.hear([decided(decision)], 7_000)) == [HangUp(Outcome.TAKEN_BY_PERSON, Answerer.UNKNOWN)]


def test_a_person_who_turns_out_a_machine_gets_the_deposit() -> None:
    call = plan(deposits=True)
    call.hear([decided(Decision.PERSON, final=False)], 1_500)
    assert acts(call.hear([decided(Decision.MACHINE), BEEP, AT_BEEP], 3_000)) == [Play()]
    assert call.played() == [HangUp(Outcome.VOICEMAIL, Answerer.MACHINE, TAIL_MS)]


def test_a_deposit_starts_again_when_a_beep_comes_after_all() -> None:
    call = plan(deposits=True)
    assert acts(call.hear([decided(Decision.MACHINE)], 2_000)) == []
    assert acts(call.hear([GREETING_OVER], 4_000)) == [Play()]
    assert call.played() == [HangUp(Outcome.VOICEMAIL, Answerer.MACHINE, BEEP_MAY_COME_MS)]
    assert acts(call.hear([BEEP, AGAIN], 6_000)) == [Play()]
    assert call.left() == HangUp(Outcome.MAILBOX_FULL, Answerer.MACHINE)  # it has not heard all of it
    call.played()
    assert call.left() == HangUp(Outcome.VOICEMAIL, Answerer.MACHINE)


def test_a_machine_that_hangs_up_before_it_has_it_all_took_nothing() -> None:
    call = plan(deposits=True)
    call.hear([decided(Decision.MACHINE)], 2_000)
    assert call.left() == HangUp(Outcome.MAILBOX_FULL, Answerer.MACHINE)


def test_whoever_hangs_up_before_anything_is_known_was_a_person() -> None:
    assert plan(deposits=True).left() == HangUp(Outcome.TAKEN_BY_PERSON, Answerer.UNKNOWN)


@pytest.mark.parametrize("decision", [Decision.PERSON, Decision.SILENCE])
def test_a_mailbox_gets_the_deposit_after_any_greeting_or_none(decision: Decision) -> None:
    call = plan(deposits=True, mailbox=True)
    assert acts(call.hear([decided(decision, final=False)], 2_000)) == [Play()]
    assert acts(call.hear([decided(decision)], 4_000)) == []
    assert acts(call.hear([BEEP, AGAIN], 6_000)) == [Play()]
    assert call.played() == [HangUp(Outcome.VOICEMAIL, Answerer.MACHINE, TAIL_MS)]


@pytest.mark.parametrize(
    ("heard", "outcome"),
    [
        (Busy(3_000, 440), Outcome.BUSY),
        (Sit(3_000), Outcome.UNREACHABLE),
        (Fax(3_000, 2_100), Outcome.UNREACHABLE),
    ],
)
def test_a_networks_tone_ends_a_deposit(heard: Busy | Sit | Fax, outcome: Outcome) -> None:
    call = plan(deposits=True)
    (step,) = acts(call.hear([heard], 3_000))
    assert isinstance(step, HangUp)
    assert step.outcome is outcome
    assert call.hear([AT_BEEP], 4_000) == []


def test_a_greeting_without_an_end_is_left() -> None:
    call = plan(deposits=True)
    call.hear([decided(Decision.MACHINE)], 2_000)
    assert acts(call.hear([], LONGEST_WAIT_MS)) == [HangUp(Outcome.UNREACHABLE, Answerer.MACHINE)]


def test_a_deposit_that_we_must_cut_is_not_delivered_and_a_voice_sms_was_answered() -> None:
    call = plan(deposits=True)
    call.hear([decided(Decision.MACHINE), BEEP, AT_BEEP], 3_000)
    assert call.cut() == HangUp(Outcome.UNREACHABLE, Answerer.MACHINE)
    call.played()
    assert call.cut() == HangUp(Outcome.VOICEMAIL, Answerer.MACHINE)
    assert plan().cut() == HangUp(Outcome.ANSWERED, Answerer.UNKNOWN)


def test_a_verdict_is_summed_up_in_one_step_that_leaves_out_what_nobody_knows() -> None:
    machine = Verdict(Decision.MACHINE, Why.LONG_GREETING, 0.9, 2_400, 480, 2_940, 6, 4_100, 4_400)
    assert summary(machine) == Note(
        "answerer",
        "decision=machine why=long_greeting confidence=0.90 decided_ms=2400 greeting_start_ms=480 greeting_ms=2940 "
        "words=6 beep_ms=4100 ready_ms=4400",
    )
    nobody = Verdict(None, None, 0.0, None, None, 0, 0, None, None)
    assert summary(nobody) == Note("answerer", "greeting_ms=0 words=0")
