"""What the simulated phones do, number by number."""

from __future__ import annotations

from collections import Counter

import pytest

from portevoix.domain.call import MEANINGS, Answerer, Outcome
from portevoix.domain.campaign import Kind
from portevoix.domain.magic import (
    BEHAVIOURS,
    DEFAULT_RING_S,
    OPT_OUT_KEY,
    RING_TIMEOUT_S,
    Script,
    Trick,
    code_of,
    ring_s,
    script,
    trick_of,
)
from portevoix.domain.number import Number

MOBILE, LANDLINE = "063998", "019900"
MESSAGE_S = 60


def at(code: int, rings_s: int = 5, block: str = MOBILE) -> Number:
    return Number.parse(f"{block}{rings_s:02}{code:02}")


def rung(code: int, rings_s: int = 5, message_s: int = MESSAGE_S, **terms: int) -> Script:
    return script(at(code, rings_s), Kind.VOICE, message_s, **terms)


def left(code: int, block: str, rings_s: int = 5, message_s: int = MESSAGE_S) -> Script:
    return script(at(code, rings_s, block), Kind.DEPOSIT, message_s)


ANSWERED_6 = Script(Outcome.ANSWERED, 0, 5, 11, Answerer.PERSON)

CALLS = {
    0: ANSWERED_6,
    1: Script(Outcome.ANSWERED, 0, 5, 50, Answerer.PERSON),
    10: Script(Outcome.NO_ANSWER, 0, None, 5),
    11: Script(Outcome.BUSY, None, None, 0),
    12: Script(Outcome.DECLINED, 0, None, 5),
    13: Script(Outcome.UNREACHABLE, None, None, 0),
    14: Script(Outcome.ANSWERED, 0, 5, 7, Answerer.PERSON),
    20: Script(Outcome.VOICEMAIL, 0, 5, 65, Answerer.MACHINE),
    21: Script(Outcome.MAILBOX_FULL, 0, None, 5),
    22: Script(Outcome.ANSWERED, 0, 5, 11, Answerer.UNKNOWN),
    30: Script(Outcome.ANSWERED, 0, 5, 11, Answerer.PERSON, "1"),
    39: Script(Outcome.ANSWERED, 0, 5, 11, Answerer.PERSON, OPT_OUT_KEY),
    41: Script(Outcome.OPTED_OUT, None, None, 0),
    43: Script(Outcome.BLOCKED, None, None, 0),
    44: Script(Outcome.OUTSIDE_HOURS, None, None, 0),
    50: ANSWERED_6,
    52: ANSWERED_6,
    60: ANSWERED_6,
    61: ANSWERED_6,
    62: ANSWERED_6,
    63: ANSWERED_6,
    70: Script(Outcome.CONGESTION, None, None, 0),
}


@pytest.mark.parametrize("code", sorted(CALLS))
def test_what_a_number_does_when_it_is_called(code: int) -> None:
    assert rung(code) == CALLS[code]


@pytest.mark.parametrize("code", sorted(set(range(100)) - set(BEHAVIOURS) - set(range(80, 90))))
def test_any_other_number_answers_for_6_s(code: int) -> None:
    assert rung(code) == ANSWERED_6
    assert trick_of(at(code)) is None


@pytest.mark.parametrize(
    ("code", "trick"),
    [
        (40, Trick.INVALID),
        (42, Trick.NO_CREDIT),
        (50, Trick.ERROR_AFTER),
        (51, Trick.TOO_MANY),
        (52, Trick.TIMEOUT_AFTER),
        (60, Trick.LATE),
        (61, Trick.TWICE),
        (62, Trick.OUT_OF_ORDER),
        (63, Trick.NEVER),
        (41, None),
        (0, None),
    ],
)
def test_what_the_api_does_wrong_on_purpose(code: int, trick: Trick | None) -> None:
    assert trick_of(at(code)) is trick


@pytest.mark.parametrize("rings_s", [0, 1, 17, 99])
def test_the_digits_before_the_last_two_are_the_ring_seconds(rings_s: int) -> None:
    played = rung(0, rings_s)
    assert ring_s(at(0, rings_s)) == rings_s
    assert (played.rings_at_s, played.answers_at_s, played.ends_at_s) == (0, rings_s, rings_s + 6)


@pytest.mark.parametrize(("rings_s", "ends_at_s"), [(0, RING_TIMEOUT_S), (1, 1), (42, 42)])
def test_somebody_who_does_not_answer_rings_so_long_or_until_the_ringing_is_given_up(
    rings_s: int, ends_at_s: int
) -> None:
    assert rung(10, rings_s) == Script(Outcome.NO_ANSWER, 0, None, ends_at_s)


@pytest.mark.parametrize(("message_s", "stays_s"), [(1, 1), (4, 4), (6, 6), (7, 6), (60, 6)])
def test_nobody_listens_for_longer_than_the_message_plays(message_s: int, stays_s: int) -> None:
    assert rung(0, message_s=message_s).ends_at_s == 5 + stays_s
    assert rung(20, message_s=message_s).ends_at_s == 5 + message_s


@pytest.mark.parametrize(("message_s", "keys"), [(1, ""), (2, "1"), (60, "1")])
def test_a_key_is_pressed_only_by_who_is_still_there(message_s: int, keys: str) -> None:
    assert rung(30, message_s=message_s).keys == keys


def test_the_first_route_to_70_fails_and_the_second_succeeds() -> None:
    assert rung(70, route=0).outcome is Outcome.CONGESTION
    assert rung(70, route=1) == ANSWERED_6


@pytest.mark.parametrize("block", [MOBILE, "019900", "026191", "035301", "046571", "053649"])
def test_magic_is_in_every_block_of_fiction(block: str) -> None:
    assert code_of(at(11, block=block)) == 11
    assert script(at(11, block=block), Kind.VOICE, MESSAGE_S).outcome is Outcome.BUSY


@pytest.mark.parametrize("text", ["0639970511", "0612340511", "0199010511", "+32470120511"])
def test_a_number_outside_of_fiction_has_no_magic(text: str) -> None:
    number = Number.parse(text)
    assert (code_of(number), trick_of(number), ring_s(number)) == (None, None, DEFAULT_RING_S)
    assert script(number, Kind.VOICE, MESSAGE_S).outcome is Outcome.ANSWERED


# deposits


@pytest.mark.parametrize("code", [0, 1, 10, 12, 14, 20, 22, 30, 39, 60, 61, 62, 63])
def test_a_mobiles_voicemail_takes_a_deposit_without_ringing(code: int) -> None:
    assert left(code, MOBILE) == Script(Outcome.VOICEMAIL, None, 0, MESSAGE_S, Answerer.MACHINE)


@pytest.mark.parametrize("block", [MOBILE, LANDLINE])
def test_a_full_mailbox_takes_no_deposit(block: str) -> None:
    assert left(21, block) == Script(Outcome.MAILBOX_FULL, None, None, 0)


@pytest.mark.parametrize("block", [MOBILE, LANDLINE])
@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (11, Outcome.BUSY),
        (13, Outcome.UNREACHABLE),
        (41, Outcome.OPTED_OUT),
        (43, Outcome.BLOCKED),
        (44, Outcome.OUTSIDE_HOURS),
        (70, Outcome.CONGESTION),
    ],
)
def test_what_does_not_ring_takes_no_deposit(code: int, outcome: Outcome, block: str) -> None:
    assert left(code, block) == Script(outcome, None, None, 0)


@pytest.mark.parametrize("code", [0, 1, 14, 22, 30])
def test_a_person_who_answers_a_landline_gets_no_deposit(code: int) -> None:
    played = left(code, LANDLINE)
    assert (played.outcome, played.rings_at_s, played.answers_at_s) == (Outcome.TAKEN_BY_PERSON, 0, 5)
    assert not MEANINGS[played.outcome].delivered


@pytest.mark.parametrize("code", [10, 20])
def test_a_landlines_machine_takes_a_deposit_where_nobody_answers(code: int) -> None:
    assert left(code, LANDLINE) == Script(Outcome.VOICEMAIL, 0, 5, 5 + MESSAGE_S, Answerer.MACHINE)


def test_a_landline_that_declines_gets_no_deposit() -> None:
    assert left(12, LANDLINE) == Script(Outcome.DECLINED, 0, None, 5)


# chance


@pytest.mark.parametrize("code", range(80, 90))
def test_the_same_seed_number_and_attempt_draw_the_same(code: int) -> None:
    drawn = [rung(code, seed=seed, attempt=attempt) for seed in range(20) for attempt in (1, 2)]
    assert drawn == [rung(code, seed=seed, attempt=attempt) for seed in range(20) for attempt in (1, 2)]
    assert len({one.outcome for one in drawn}) > 1


def test_the_seed_the_number_and_the_attempt_all_count() -> None:
    def drawn(**terms: int) -> list[Script]:
        return [rung(code, rings_s, **terms) for code in range(80, 90) for rings_s in range(20)]

    assert drawn(seed=0) != drawn(seed=1)
    assert drawn(attempt=1) != drawn(attempt=2)
    assert len(set(drawn())) > 10


def test_chance_draws_what_any_phone_does_mostly_answers() -> None:
    outcomes = Counter(rung(80, seed=seed).outcome for seed in range(2_000))
    possible = {
        Outcome.ANSWERED,
        Outcome.NO_ANSWER,
        Outcome.BUSY,
        Outcome.DECLINED,
        Outcome.UNREACHABLE,
        Outcome.VOICEMAIL,
    }
    assert set(outcomes) == possible
    assert outcomes[Outcome.ANSWERED] > 800
