"""What a refusal means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.carrier.sip.causes import PLAIN, Q850, VAGUE, Refusal, outcome_of, read_reason
from portevoix.domain.call import MEANINGS, Outcome


@pytest.mark.parametrize("code", [486, 600, 603])
@pytest.mark.parametrize("q850", [None, *Q850])
def test_what_the_recipient_said_never_leads_to_another_route(code: int, q850: int | None) -> None:
    assert not MEANINGS[outcome_of(Refusal(code, q850))].rerouted


@pytest.mark.parametrize("code", range(500, 600))
def test_a_servers_failure_is_the_routes_fault(code: int) -> None:
    assert outcome_of(Refusal(code)) is Outcome.CONGESTION


@pytest.mark.parametrize("q850", [17, 18, 19, 20, 21])
def test_a_servers_failure_that_tells_what_the_phone_did_is_not(q850: int) -> None:
    assert not MEANINGS[outcome_of(Refusal(503, q850))].rerouted


def test_a_timeout_after_ringing_is_no_answer() -> None:
    assert outcome_of(Refusal(408, rang=True)) is Outcome.NO_ANSWER
    assert outcome_of(Refusal(408)) is Outcome.UNREACHABLE


def test_global_failures_are_declined_whatever_they_are() -> None:
    assert outcome_of(Refusal(699)) is Outcome.DECLINED


@pytest.mark.parametrize(
    ("header", "cause"),
    [
        ('Q.850;cause=17;text="User busy"', 17),
        ("q.850 ; cause = 1", 1),
        ('Q.850;text="a";cause=34', 34),
        ("SIP;cause=200", None),
        ("Q.850;cause=", None),
        ("", None),
    ],
)
def test_a_reason_is_read(header: str, cause: int | None) -> None:
    assert read_reason(header) == cause


@given(st.text(max_size=400))
def test_any_reason_is_read_or_not(header: str) -> None:
    cause = read_reason(header)
    assert cause is None or 0 <= cause <= 999


def test_no_code_is_in_two_tables() -> None:
    assert not PLAIN.keys() & VAGUE.keys()
