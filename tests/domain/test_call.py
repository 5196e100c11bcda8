"""A call's life: which states follow which, what an attempt's end leads to, and how long it lasted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portevoix.domain.call import (
    MEANINGS,
    OVER,
    TRANSITIONS,
    UNDER_WAY,
    WAITING,
    CallEvent,
    CallState,
    Outcome,
    Report,
    Retries,
    after,
)

NOW = datetime(2026, 1, 13, 11, 35, tzinfo=UTC)
DELIVERED = {Outcome.ANSWERED, Outcome.VOICEMAIL}

#: What a filed report alone can bring about.
BY_REPORT = {CallEvent.SUCCEED, CallEvent.FAIL, CallEvent.RETRY, CallEvent.REROUTE, CallEvent.LOSE}


def reachable(start: CallState, without: set[CallEvent] = frozenset()) -> set[CallState]:
    """Every state that events lead to from a state, but for those left out."""
    found: set[CallState] = set()
    ahead = [start]
    while ahead:
        here = ahead.pop()
        for (state, event), following in TRANSITIONS.items():
            if state is here and event not in without and following not in found:
                found.add(following)
                ahead.append(following)
    return found


def test_every_state_is_waiting_claimed_under_way_or_over() -> None:
    parts = [WAITING, {CallState.CLAIMED}, UNDER_WAY, OVER]
    assert sorted(state for part in parts for state in part) == sorted(CallState)
    for state in CallState:
        assert [state.is_waiting, state.is_under_way, state.is_over] == [
            state in WAITING,
            state in UNDER_WAY,
            state in OVER,
        ]


@pytest.mark.parametrize("begins", [CallState.SCHEDULED, CallState.READY])
def test_every_state_can_be_reached_from_a_beginning(begins: CallState) -> None:
    assert reachable(begins) | {begins} == set(CallState)


def test_every_event_happens_somewhere() -> None:
    assert {event for _, event in TRANSITIONS} == set(CallEvent)


@pytest.mark.parametrize("state", sorted(OVER))
def test_nothing_leads_out_of_a_state_that_is_over(state: CallState) -> None:
    assert not [event for here, event in TRANSITIONS if here is state]


@pytest.mark.parametrize("state", sorted(set(CallState) - OVER))
def test_every_other_state_leads_to_an_end(state: CallState) -> None:
    assert reachable(state) & OVER


@pytest.mark.parametrize("state", sorted(UNDER_WAY))
def test_what_a_carrier_may_have_is_dialled_again_only_after_a_filed_report(state: CallState) -> None:
    assert reachable(state) >= {CallState.CLAIMED, CallState.DIALING}
    unreported = reachable(state, BY_REPORT)
    assert not unreported & {
        CallState.SCHEDULED,
        CallState.READY,
        CallState.PAUSED,
        CallState.CLAIMED,
        CallState.DIALING,
    }


@pytest.mark.parametrize("state", sorted(UNDER_WAY))
def test_what_a_carrier_may_have_is_neither_given_back_paused_nor_cancelled(state: CallState) -> None:
    events = {event for here, event in TRANSITIONS if here is state}
    assert events >= BY_REPORT
    assert not events & {CallEvent.CLAIM, CallEvent.GIVE_BACK, CallEvent.DIAL, CallEvent.PAUSE, CallEvent.CANCEL}


@pytest.mark.parametrize("state", sorted(WAITING | {CallState.CLAIMED}))
def test_what_has_not_begun_can_be_cancelled(state: CallState) -> None:
    assert TRANSITIONS[state, CallEvent.CANCEL] is CallState.CANCELLED


def test_only_a_claimed_call_is_dialled() -> None:
    assert [state for state, event in TRANSITIONS if event is CallEvent.DIAL] == [CallState.CLAIMED]


def test_every_outcome_has_a_meaning_with_a_final_sip_code() -> None:
    assert set(MEANINGS) == set(Outcome)
    assert all(200 <= meaning.cause <= 699 for meaning in MEANINGS.values())


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        (Outcome.ANSWERED, 200),
        (Outcome.VOICEMAIL, 200),
        (Outcome.INVALID_NUMBER, 404),
        (Outcome.UNREACHABLE, 480),
        (Outcome.BUSY, 486),
        (Outcome.NO_ANSWER, 487),
        (Outcome.CONGESTION, 503),
        (Outcome.DECLINED, 603),
        (Outcome.OPTED_OUT, 607),
        (Outcome.BLOCKED, 608),
    ],
)
def test_outcomes_mean_what_sip_says(outcome: Outcome, cause: int) -> None:
    assert MEANINGS[outcome].cause == cause


def test_only_an_answer_or_a_voicemail_is_a_delivery() -> None:
    assert {outcome for outcome, meaning in MEANINGS.items() if meaning.delivered} == DELIVERED


def test_only_busy_and_no_answer_are_retried_and_only_congestion_is_rerouted() -> None:
    assert {outcome for outcome, meaning in MEANINGS.items() if meaning.retried} == {Outcome.BUSY, Outcome.NO_ANSWER}
    assert {outcome for outcome, meaning in MEANINGS.items() if meaning.rerouted} == {Outcome.CONGESTION}


@pytest.mark.parametrize("outcome", [Outcome.BUSY, Outcome.DECLINED])
@pytest.mark.parametrize("retries", [0, 3])
def test_486_and_603_are_never_tried_on_another_route(outcome: Outcome, retries: int) -> None:
    assert MEANINGS[outcome].cause in (486, 603)
    assert after(Report(outcome, NOW), Retries(retries), 0, 9).event is not CallEvent.REROUTE


def test_a_route_that_fails_after_the_phone_has_rung_is_followed_by_no_other() -> None:
    assert after(Report(Outcome.CONGESTION, NOW), Retries(), 0, 1).event is CallEvent.REROUTE
    assert after(Report(Outcome.CONGESTION, NOW, ringing_at=NOW), Retries(), 0, 1).event is CallEvent.FAIL


@pytest.mark.parametrize("outcome", sorted(Outcome))
@pytest.mark.parametrize("routes_left", [0, 1])
@pytest.mark.parametrize(("most", "retried"), [(0, 0), (2, 0), (2, 1), (2, 2)])
def test_what_follows_an_end(outcome: Outcome, routes_left: int, most: int, retried: int) -> None:
    following = after(Report(outcome, NOW), Retries(most, 90), retried, routes_left)
    if outcome is Outcome.LOST:
        expected = (CallEvent.LOSE, None)
    elif outcome in DELIVERED:
        expected = (CallEvent.SUCCEED, None)
    elif outcome is Outcome.CONGESTION and routes_left:
        expected = (CallEvent.REROUTE, NOW)
    elif outcome in (Outcome.BUSY, Outcome.NO_ANSWER) and retried < most:
        expected = (CallEvent.RETRY, NOW + timedelta(seconds=90))
    else:
        expected = (CallEvent.FAIL, None)
    assert (following.event, following.at) == expected


def test_retries_are_off_by_default() -> None:
    assert after(Report(Outcome.BUSY, NOW), Retries(), 0, 1).event is CallEvent.FAIL


@pytest.mark.parametrize(
    ("lasted", "duration_s"),
    [
        (timedelta(0), 0),
        (timedelta(microseconds=1), 1),
        (timedelta(seconds=1), 1),
        (timedelta(seconds=5, microseconds=999_999), 6),
        (timedelta(seconds=6), 6),
        (timedelta(seconds=6, microseconds=1), 7),
        (timedelta(hours=1), 3_600),
    ],
)
def test_a_part_of_a_second_counts_as_one(lasted: timedelta, duration_s: int) -> None:
    assert Report(Outcome.ANSWERED, NOW + lasted, answered_at=NOW).duration_s == duration_s


def test_a_call_that_was_not_answered_lasted_for_no_time() -> None:
    assert Report(Outcome.NO_ANSWER, NOW + timedelta(seconds=30), ringing_at=NOW).duration_s == 0


def test_a_clock_that_was_set_back_makes_no_negative_duration() -> None:
    assert Report(Outcome.ANSWERED, NOW - timedelta(seconds=3), answered_at=NOW).duration_s == 0


def test_a_call_is_told_to_end_when_it_was_to_be_hung_up_and_not_when_its_bye_left() -> None:
    late = Report(Outcome.ANSWERED, NOW + timedelta(seconds=3, milliseconds=2), answered_at=NOW)
    assert (late.duration_s, late.cut(3).duration_s) == (4, 3)
    assert late.cut(4) == late
    unanswered = Report(Outcome.NO_ANSWER, NOW)
    assert unanswered.cut(3) == unanswered


def test_a_call_that_was_answered_is_tried_on_no_other_route_whether_it_was_seen_to_ring_or_not() -> None:
    assert after(Report(Outcome.CONGESTION, NOW, answered_at=NOW), Retries(), 0, 1).event is CallEvent.FAIL


def test_a_call_whose_end_nobody_knows_lasted_for_no_time_that_anybody_knows() -> None:
    found_later = Report(Outcome.LOST, NOW + timedelta(hours=3), answered_at=NOW)
    assert found_later.duration_s == 0
