"""What a call has cost at its end, ids, sums, the sandbox's clock, and what is told of calls and campaigns."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.domain.account import Access, State
from portevoix.domain.call import MEANINGS, Answerer, Billing, CallState, Outcome, Report, Retries
from portevoix.domain.campaign import (
    CallNotFound,
    CampaignNotFound,
    CampaignState,
    Kind,
    Offer,
    call_id,
    campaign_id,
    offers,
    parse_call_id,
    parse_campaign_id,
    product_of,
    shares,
)
from portevoix.domain.dialling import Filed, Finished, SandboxClock, conclude, cost_of
from portevoix.domain.errors import InvalidValue
from portevoix.domain.ids import Mode
from portevoix.domain.number import Number
from portevoix.domain.sandbox import Received, SandboxOnly, must_be_sandbox, parse_step
from portevoix.domain.tariff import Product, Rate, RateTable, Tariff
from portevoix.domain.telling import LATE_S, events_of, finished_event, finished_webhook, webhooks_of

NOW = datetime(2026, 1, 13, 11, 35, tzinfo=UTC)
CAMPAIGN = "Ff1tbu0lax"
MOBILE = Number.parse("0639980500")
RATE = Rate(Product.VOICE_MOBILE, "33", 60_000)
DEPOSIT = Rate(Product.DEPOSIT, "33", 150_000)
WITH_MINIMUM = Rate(Product.VOICE_MOBILE, "33", 60_000, connection_micros=5_000, minimum_s=30, increment_s=6)

PLAIN = Filed(
    id=7,
    account_id=3,
    mode=Mode.SANDBOX,
    campaign_id=11,
    campaign=CAMPAIGN,
    campaign_state=CampaignState.ACTIVE,
    position=2,
    number=MOBILE,
    product=Product.VOICE_MOBILE,
    kind=Kind.VOICE,
    hold_id=5,
    reserved_micros=60_000,
    attempt=1,
    retried=0,
    route=0,
    retries=Retries(),
    own_revision=None,
    default_revision=1,
    notify_url="https://example.test/hook",
    plays_recording=False,
    samples=8_000 * 60,
    dialed_at=NOW,
    report=Report(Outcome.ANSWERED, NOW + timedelta(seconds=11), NOW, NOW + timedelta(seconds=5), Answerer.PERSON),
    clock=SandboxClock(),
)


def ended(outcome: Outcome, *, answered_s: int | None = None, rang: bool = True) -> Report:
    answered_at = None if answered_s is None else NOW
    return Report(outcome, NOW + timedelta(seconds=answered_s or 0), NOW if rang else None, answered_at)


def filed(outcome: Outcome, *, answered_s: int | None = None, rang: bool = True, **terms: object) -> Filed:
    return replace(PLAIN, report=ended(outcome, answered_s=answered_s, rang=rang), **terms)  # type: ignore[arg-type]


# what a call costs


def test_an_answered_call_costs_its_seconds() -> None:
    assert cost_of(PLAIN, RATE, Billing()) == 6_000


def test_minimum_increment_and_connection_are_charged() -> None:
    assert cost_of(PLAIN, WITH_MINIMUM, Billing()) == 5_000 + 30_000
    assert cost_of(filed(Outcome.ANSWERED, answered_s=31), WITH_MINIMUM, Billing()) == 5_000 + 36_000


def test_a_deposit_costs_its_price_and_only_where_it_was_left() -> None:
    terms = {"kind": Kind.DEPOSIT, "product": Product.DEPOSIT, "reserved_micros": 150_000}
    assert cost_of(filed(Outcome.VOICEMAIL, answered_s=60, **terms), DEPOSIT, Billing()) == 150_000
    for outcome in (Outcome.TAKEN_BY_PERSON, Outcome.MAILBOX_FULL, Outcome.BUSY):
        assert cost_of(filed(outcome, answered_s=1, **terms), DEPOSIT, Billing(unanswered=True)) == 0


@pytest.mark.parametrize("outcome", sorted(one for one in Outcome if not MEANINGS[one].delivered))
def test_what_was_not_delivered_costs_nothing_by_default(outcome: Outcome) -> None:
    assert cost_of(filed(outcome), WITH_MINIMUM, Billing()) == 0


@pytest.mark.parametrize(("rang", "cost"), [(True, 5_000 + 30_000), (False, 0)])
def test_the_operator_may_charge_a_call_that_rang(rang: bool, cost: int) -> None:
    unanswered = filed(Outcome.NO_ANSWER, rang=rang)
    assert cost_of(unanswered, WITH_MINIMUM, Billing(unanswered=True)) == cost


@pytest.mark.parametrize("outcome", [Outcome.INVALID_NUMBER, Outcome.CONGESTION, Outcome.UNREACHABLE])
def test_what_a_network_plays_before_it_refuses_rings_nobody_and_costs_nothing(outcome: Outcome) -> None:
    assert cost_of(filed(outcome, rang=True), WITH_MINIMUM, Billing(unanswered=True)) == 0


@pytest.mark.parametrize(("uncertain", "cost"), [(False, 0), (True, 60_000)])
def test_a_call_whose_end_is_not_known_is_charged_by_policy(uncertain: bool, cost: int) -> None:
    assert cost_of(filed(Outcome.LOST), RATE, Billing(uncertain=uncertain)) == cost
    assert cost_of(filed(Outcome.LOST), RATE, Billing(unanswered=True, uncertain=uncertain)) == cost


@given(
    outcome=st.sampled_from(Outcome),
    answered_s=st.none() | st.integers(0, 100_000),
    rang=st.booleans(),
    reserved=st.integers(0, 10_000_000),
    price=st.integers(0, 10**9),
    connection=st.integers(0, 10**9),
    minimum_s=st.integers(0, 3_600),
    increment_s=st.integers(1, 3_600),
    billing=st.builds(Billing, st.booleans(), st.booleans()),
)
def test_no_call_costs_more_than_was_set_aside(
    outcome: Outcome,
    answered_s: int | None,
    rang: bool,
    reserved: int,
    price: int,
    connection: int,
    minimum_s: int,
    increment_s: int,
    billing: Billing,
) -> None:
    rate = Rate(Product.VOICE_MOBILE, "33", price, connection, minimum_s, increment_s)
    call = filed(outcome, answered_s=answered_s, rang=rang, reserved_micros=reserved)
    assert 0 <= cost_of(call, rate, billing) <= reserved


# what follows


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.ANSWERED, CallState.FINISHED),
        (Outcome.VOICEMAIL, CallState.FINISHED),
        (Outcome.BUSY, CallState.FAILED),
        (Outcome.DECLINED, CallState.FAILED),
        (Outcome.LOST, CallState.UNCERTAIN),
    ],
)
def test_an_end_for_good(outcome: Outcome, state: CallState) -> None:
    over = conclude(filed(outcome), RATE, Billing(), routes=1)
    assert (over.state, over.is_over, over.due_at) == (state, True, None)
    assert over.is_delivered == (state is CallState.FINISHED)


def test_a_busy_call_is_due_again_where_its_campaign_retries() -> None:
    call = filed(Outcome.BUSY, retries=Retries(2, 90), retried=1, route=1)
    again = conclude(call, RATE, Billing(), routes=2)
    assert (again.state, again.cost_micros, again.route, again.retried) == (CallState.SCHEDULED, None, 0, 2)
    assert again.due_at == call.report.ended_at + timedelta(seconds=90)
    assert conclude(replace(call, retried=2), RATE, Billing(), routes=2).state is CallState.FAILED


def test_a_retry_of_a_paused_campaign_waits_for_its_resumption() -> None:
    call = filed(Outcome.BUSY, retries=Retries(2, 90), campaign_state=CampaignState.PAUSED)
    again = conclude(call, RATE, Billing(), routes=2)
    assert (again.state, again.is_over) == (CallState.SCHEDULED, False)


@pytest.mark.parametrize("outcome", [Outcome.BUSY, Outcome.CONGESTION])
def test_a_call_of_a_cancelled_campaign_is_not_tried_again(outcome: Outcome) -> None:
    call = filed(outcome, rang=False, retries=Retries(2, 90), campaign_state=CampaignState.CANCELLED)
    assert conclude(call, RATE, Billing(), routes=2).state is CallState.FAILED


def test_the_next_route_is_tried_until_there_is_none() -> None:
    first = conclude(filed(Outcome.CONGESTION, rang=False), RATE, Billing(), routes=2)
    assert (first.state, first.route, first.cost_micros) == (CallState.READY, 1, None)
    assert first.due_at == first.filed.report.ended_at
    last = filed(Outcome.CONGESTION, rang=False, route=1)
    assert conclude(last, RATE, Billing(), routes=2).state is CallState.FAILED


# ids


@given(st.binary(min_size=16, max_size=16))
def test_a_campaigns_id_is_read_back(entropy: bytes) -> None:
    written = campaign_id(entropy)
    assert (len(written), parse_campaign_id(written)) == (10, written)
    assert written.isascii()
    assert written.isalnum()


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_campaigns_id_takes_16_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        campaign_id(bytes(size))


@pytest.mark.parametrize(
    "text", ["", "Ff1tbu0la", "Ff1tbu0laxx", "Ff1tbu0la-", "Ff1tbu0laé", "Ff1tbu0la\n", "Ff1tbu0l٣x"]
)
def test_what_can_be_no_campaigns_id_is_not_found(text: str) -> None:
    with pytest.raises(CampaignNotFound):
        parse_campaign_id(text)


def test_a_calls_id_is_its_campaigns_and_its_place() -> None:
    assert call_id(CAMPAIGN, 17) == f"{CAMPAIGN}-17"
    assert parse_call_id(f"{CAMPAIGN}-17") == (CAMPAIGN, 17)


@pytest.mark.parametrize("tail", ["", "-", "-0", "-01", "--1", "-1x", "-12345678", "-٣", "-1\n"])
def test_what_can_be_no_calls_id_is_not_found(tail: str) -> None:
    with pytest.raises(CallNotFound):
        parse_call_id(CAMPAIGN + tail)


# sums


def test_what_is_sold_follows_the_line_and_the_kind() -> None:
    landline = Number.parse("0199000500")
    assert product_of(Kind.VOICE, MOBILE) is Product.VOICE_MOBILE
    assert product_of(Kind.VOICE, landline) is Product.VOICE_LANDLINE
    assert {product_of(Kind.DEPOSIT, number) for number in (MOBILE, landline)} == {Product.DEPOSIT}


def test_a_number_without_a_price_is_refused_and_the_others_are_not() -> None:
    tariff = Tariff((RateTable(1, "default", NOW, (RATE,)),))
    found, refused = offers(tariff, Kind.VOICE, [MOBILE, Number.parse("0199000500"), Number.parse("+32470123456")])
    assert [one.number for one in found] == [MOBILE]
    assert [one.text for one in refused] == ["+33199000500", "+32470123456"]


def test_a_recipient_is_priced_by_the_whole_seconds_of_the_message() -> None:
    assert Offer(MOBILE, Product.VOICE_MOBILE, RATE).price(7).most_micros == 7_000
    assert Offer(MOBILE, Product.DEPOSIT, DEPOSIT).price(7).most_micros == 150_000


def test_shares_sum_up_by_calling_code_and_show_the_dearest_unit() -> None:
    landline = Rate(Product.VOICE_LANDLINE, "33", 30_000)
    overseas = Rate(Product.VOICE_MOBILE, "262", 240_000)
    priced = [
        Offer(MOBILE, Product.VOICE_MOBILE, RATE).price(10),
        Offer(Number.parse("0199000500"), Product.VOICE_LANDLINE, landline).price(10),
        Offer(Number.parse("0692123456"), Product.VOICE_MOBILE, overseas).price(10),
    ]
    found = shares(priced)
    assert {code: (one.country, one.count, one.unit_micros, one.total_micros) for code, one in found.items()} == {
        "33": ("fr", 2, 10_000, 15_000),
        "262": ("re", 1, 40_000, 40_000),
    }
    assert sum(one.total_micros for one in found.values()) == sum(one.most_micros for one in priced)


# the sandbox's clock


def test_a_clock_that_was_not_moved_is_ours() -> None:
    assert SandboxClock().now(NOW) == NOW
    assert SandboxClock().began(NOW - timedelta(hours=1), NOW) == NOW


def test_what_was_due_while_the_clock_was_moved_on_began_in_its_time() -> None:
    moved = SandboxClock(3_600, moved_from=NOW, moved_to=NOW + timedelta(hours=1))
    later = NOW + timedelta(seconds=3)
    assert moved.now(later) == later + timedelta(hours=1)
    due = NOW + timedelta(minutes=20)
    assert moved.began(due, later) == due
    assert moved.began(moved.moved_to, later) == moved.moved_to


@pytest.mark.parametrize("due_s", [-60, 0, 3_601])
def test_what_was_due_before_or_after_the_move_begins_now(due_s: int) -> None:
    moved = SandboxClock(3_600, moved_from=NOW, moved_to=NOW + timedelta(hours=1))
    later = NOW + timedelta(seconds=3)
    assert moved.began(NOW + timedelta(seconds=due_s), later) == later + timedelta(hours=1)


@pytest.mark.parametrize("seconds", [1, 3_600, 366 * 86_400])
def test_the_clock_is_moved_on_by_a_second_to_a_year(seconds: int) -> None:
    assert parse_step(seconds, 0) == seconds


@pytest.mark.parametrize("seconds", [0, -1, 366 * 86_400 + 1])
def test_another_step_is_refused(seconds: int) -> None:
    with pytest.raises(InvalidValue):
        parse_step(seconds, 0)


def test_the_clock_goes_no_further_than_ten_years() -> None:
    assert parse_step(60, 3_660 * 86_400 - 60) == 60
    with pytest.raises(InvalidValue, match="ten years"):
        parse_step(61, 3_660 * 86_400 - 60)


def test_a_live_key_has_no_sandbox() -> None:
    access = Access(1, 1, State.ACTIVE, frozenset(), (), 0, None, 1, Mode.SANDBOX)
    must_be_sandbox(access)
    with pytest.raises(SandboxOnly):
        must_be_sandbox(replace(access, mode=Mode.LIVE))


@pytest.mark.parametrize(
    ("outcome", "answered_s", "ended_s", "heard"),
    [
        (Outcome.ANSWERED, 5, 11, 6 * 8_000),
        (Outcome.ANSWERED, 5, 500, 60 * 8_000),
        (Outcome.VOICEMAIL, 0, 60, 60 * 8_000),
        (Outcome.TAKEN_BY_PERSON, 5, 6, 0),
        (Outcome.NO_ANSWER, None, 30, 0),
        (None, 5, None, 0),
    ],
)
def test_what_a_phone_has_heard(
    outcome: Outcome | None, answered_s: int | None, ended_s: int | None, heard: int
) -> None:
    def moment(seconds: int | None) -> datetime | None:
        return None if seconds is None else NOW + timedelta(seconds=seconds)

    received = Received(
        1, CAMPAIGN, 1, 1, MOBILE.digits, Kind.VOICE, "Bonjour", None, 60 * 8_000, "simulator",
        NOW, NOW, moment(answered_s), moment(ended_s), outcome, Answerer.PERSON, "",
    )  # fmt: skip
    assert received.heard_samples == heard
    assert received.is_voicemail == (outcome is Outcome.VOICEMAIL)


# telling

BODY = (
    b'{"campaignId":"Ff1tbu0lax","status":"delivered","additionnal_status":"VOICE_ANSWERED",'
    b'"phoneNumber":"0033639980500","sendAt":"2026-01-13 12:35:00","doneAt":"2026-01-13 12:35:11","duration":6}'
)


def entropy() -> Callable[[int], bytes]:
    numbers = iter(range(1, 100))
    return lambda size: next(numbers).to_bytes(size)


def to_magic(code: int, **terms: object) -> Filed:
    return replace(PLAIN, number=Number.parse(f"06399805{code:02}"), **terms)  # type: ignore[arg-type]


def test_a_call_that_is_over_is_told_to_its_notify_url() -> None:
    (told,) = webhooks_of(conclude(PLAIN, RATE, Billing(), 2), entropy())
    assert (told.method, told.url, told.body) == ("POST", "https://example.test/hook", BODY)
    assert (told.account_id, told.campaign_id, told.call_id) == (3, 11, 7)
    assert (told.public_id, told.delay_s, told.copies) == ("msg_" + "0" * 31 + "1", 0, 1)


def test_nobody_is_told_without_a_notify_url_nor_of_one_deposit() -> None:
    for silent in (replace(PLAIN, notify_url=None), replace(PLAIN, kind=Kind.DEPOSIT, product=Product.DEPOSIT)):
        assert (
            webhooks_of(conclude(silent, RATE if silent.kind is Kind.VOICE else DEPOSIT, Billing(), 2), entropy()) == []
        )


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (60, [("delivered", LATE_S, 1)]),
        (61, [("delivered", 0, 2)]),
        (62, [("delivered", 0, 1), ("pending", 0, 1)]),
        (63, []),
    ],
)
def test_the_sandbox_tells_wrongly_on_purpose(code: int, told: list[tuple[str, int, int]]) -> None:
    webhooks = webhooks_of(conclude(to_magic(code), RATE, Billing(), 2), entropy())
    assert [(json.loads(one.body)["status"], one.delay_s, one.copies) for one in webhooks] == told
    assert len({one.public_id for one in webhooks}) == len(webhooks)


@pytest.mark.parametrize("code", [60, 61, 62, 63])
def test_a_live_account_is_told_rightly(code: int) -> None:
    (told,) = webhooks_of(conclude(to_magic(code, mode=Mode.LIVE), RATE, Billing(), 2), entropy())
    assert (json.loads(told.body)["status"], told.delay_s, told.copies) == ("delivered", 0, 1)


def test_a_recording_is_named_as_the_vendor_does() -> None:
    (told,) = webhooks_of(conclude(replace(PLAIN, plays_recording=True), RATE, Billing(), 2), entropy())
    assert told.body == BODY[:-1] + b',"audioFileComplementaire":{"status":"Deposit"}}'


def test_a_call_that_is_over_is_an_event_with_the_body_that_the_notify_url_gets() -> None:
    over = conclude(replace(PLAIN, notify_url=None), RATE, Billing(), 2)
    (event,) = events_of(over)
    assert (event.account_id, event.type, event.at) == (3, "call.ended", over.filed.report.ended_at)
    assert event.data == {
        "message": CAMPAIGN,
        "call": f"{CAMPAIGN}-2",
        "number": "+33639980500",
        "state": "finished",
        "outcome": "answered",
        "cause": 200,
        "duration_s": 6,
        "cost_micros": 6_000,
        "attempts": 1,
        "keys": "",
        "notification": {"method": "POST", "body": BODY.decode()},
    }


FINISHED = Finished(
    id=11,
    account_id=3,
    mode=Mode.LIVE,
    campaign=CAMPAIGN,
    kind=Kind.DEPOSIT,
    state=CampaignState.FINISHED,
    total=3,
    delivered=2,
    settled_micros=300_000,
    notify_url="https://example.test/hook?for=me",
    token="a" * 32,
    email=None,
    recording="Rappel",
    created_at=NOW,
    finished_at=NOW + timedelta(minutes=1),
)
QUERY = f"campaign_token={'a' * 32}&campaign_id={CAMPAIGN}&delivered_quantity=2&total_quantity=3"


def test_a_deposit_campaign_is_told_once_by_a_get() -> None:
    (told,) = finished_webhook(FINISHED, entropy())
    assert (told.method, told.url) == ("GET", f"https://example.test/hook?for=me&{QUERY}")
    assert (told.call_id, told.body) == (None, f"for=me&{QUERY}".encode())


def test_a_voice_campaign_and_one_without_a_notify_url_are_told_to_nobody() -> None:
    assert finished_webhook(replace(FINISHED, kind=Kind.VOICE), entropy()) == []
    assert finished_webhook(replace(FINISHED, notify_url=None), entropy()) == []


def test_a_campaign_that_is_over_is_an_event() -> None:
    event = finished_event(FINISHED)
    assert (event.type, event.at) == ("message.finished", FINISHED.finished_at)
    assert event.data["notification"] == {"method": "GET", "query": QUERY}
    assert (event.data["recipients"], event.data["delivered"], event.data["cost_micros"]) == (3, 2, 300_000)
    assert "notification" not in finished_event(replace(FINISHED, kind=Kind.VOICE)).data
