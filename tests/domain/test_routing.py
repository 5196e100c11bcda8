"""Which routes a number is called over, in which order, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portevoix.domain.campaign import Kind
from portevoix.domain.number import Number
from portevoix.domain.routing import Choice, Heard, Hours, Route, RouteInvalid, Serves, choose, heard_of, route_name
from portevoix.domain.safety import Safety
from portevoix.domain.trunk import Server
from portevoix.service.routing import TableOfRoutes
from tests.trunks import route_of, trunk_of

NOW = datetime(2026, 1, 13, 11, 35, tzinfo=UTC)  # a Tuesday, 12:35 in Paris
MOBILE = Number.parse("06 39 98 05 00")
LANDLINE = Number.parse("01 99 00 05 00")

ALPHA, BETA, GAMMA = (trunk_of(name, id=number) for number, name in enumerate(("alpha", "beta", "gamma"), start=1))


def names(choice: Choice) -> list[str]:
    return [one.route.name for one in choice.candidates]


def passed_over(choice: Choice) -> dict[str, str]:
    return {one.route.name: one.reason for one in choice.passed_over}


def chosen(
    *routes: Route, number: Number = MOBILE, kind: Kind = Kind.VOICE, draw: str = "c-1", **terms: object
) -> Choice:
    return choose(routes, number, kind, NOW, draw=draw, **terms)  # type: ignore[arg-type]


def test_the_longest_prefix_wins_whatever_it_costs_and_the_shorter_ones_come_after_it() -> None:
    dear = route_of(ALPHA, "336", price_micros=50_000, priority=900)
    cheap = route_of(BETA, "33", price_micros=1_000, priority=0)
    elsewhere = route_of(GAMMA, "44")
    choice = chosen(cheap, elsewhere, dear)
    assert names(choice) == ["alpha-336", "beta-33"]
    assert ["longest" in choice.candidates[0].reason, "shorter" in choice.candidates[1].reason] == [True, True]
    assert choice.passed_over == ()


def test_of_equal_prefixes_the_cheaper_goes_first_then_the_one_of_lower_priority() -> None:
    dear = route_of(ALPHA, price_micros=2_000, priority=0)
    second = route_of(BETA, price_micros=1_000, priority=20)
    first = route_of(GAMMA, price_micros=1_000, priority=10)
    choice = chosen(dear, second, first)
    assert names(choice) == ["gamma-33", "beta-33", "alpha-33"]
    assert "priority" in choice.candidates[1].reason
    assert "costs more" in choice.candidates[2].reason


def test_equals_are_drawn_by_their_weights_and_a_call_is_drawn_alike_each_time() -> None:
    routes = (route_of(ALPHA, weight=300), route_of(BETA, weight=100))
    drawn = Counter(names(chosen(*routes, draw=f"Ff1tbu0lax-{call}"))[0] for call in range(4_000))
    assert drawn["alpha-33"] / drawn["beta-33"] == pytest.approx(3, rel=0.15)
    assert all(names(chosen(*routes)) == names(chosen(*reversed(routes))) for _ in range(10))
    assert set(names(chosen(*routes))) == {"alpha-33", "beta-33"}


def test_the_trunk_that_is_guessed_for_a_call_is_the_first_that_it_is_called_over() -> None:
    routes = [route_of(ALPHA, weight=300), route_of(BETA), route_of(GAMMA, "336", serves=Serves.DEPOSIT)]
    table = TableOfRoutes(routes, Safety(fiction=True), Kind.VOICE, NOW)
    for call in range(100):
        (first, *_) = chosen(*routes, draw=f"c-{call}").candidates
        assert table.trunk_of(MOBILE, f"c-{call}") == first.route.trunk.id


def test_what_was_tried_is_left_out_by_its_name_wherever_it_stands() -> None:
    routes = (route_of(ALPHA), route_of(BETA, priority=200), route_of(GAMMA, priority=300))
    choice = chosen(*routes, tried=("beta-33",))
    assert names(choice) == ["alpha-33", "gamma-33"]
    assert passed_over(choice) == {"beta-33": "it has failed in this try"}
    assert names(chosen(*routes, tried=("alpha-33", "beta-33", "gamma-33"))) == []


@pytest.mark.parametrize(
    ("serves", "kind", "number", "is_taken"),
    [
        (Serves.BOTH, Kind.VOICE, MOBILE, True),
        (Serves.VOICE, Kind.VOICE, LANDLINE, True),
        (Serves.DEPOSIT, Kind.VOICE, MOBILE, False),
        (Serves.BOTH, Kind.DEPOSIT, LANDLINE, True),
        (Serves.BOTH, Kind.DEPOSIT, MOBILE, False),
        (Serves.VOICE, Kind.DEPOSIT, LANDLINE, False),
        (Serves.DEPOSIT, Kind.DEPOSIT, MOBILE, True),
        (Serves.DEPOSIT, Kind.DEPOSIT, LANDLINE, True),
    ],
)
def test_a_route_takes_what_it_is_for(serves: Serves, kind: Kind, number: Number, *, is_taken: bool) -> None:
    choice = chosen(route_of(ALPHA, serves=serves), kind=kind, number=number)
    assert choice.is_served is is_taken
    assert choice.lacks_deposit is (kind is Kind.DEPOSIT and not is_taken)


def test_on_equal_terms_a_landlines_deposit_takes_the_route_that_rings_it() -> None:
    rings, voicemail = route_of(BETA), route_of(ALPHA, serves=Serves.DEPOSIT)
    for call in range(20):
        choice = chosen(voicemail, rings, kind=Kind.DEPOSIT, number=LANDLINE, draw=f"c-{call}")
        assert names(choice) == ["beta-33", "alpha-33-deposit"]
    assert choice.candidates[1].reason == "it is for deposits alone"
    sooner = replace(voicemail, priority=1)
    assert names(chosen(sooner, rings, kind=Kind.DEPOSIT, number=LANDLINE))[0] == "alpha-33-deposit"


def test_without_a_route_there_is_no_lack_of_deposits_in_particular() -> None:
    choice = chosen(route_of(ALPHA, "44"), kind=Kind.DEPOSIT)
    assert (choice.is_served, choice.lacks_deposit) == (False, False)


def test_a_number_of_fiction_goes_over_a_trunk_of_this_machine_alone() -> None:
    outside = replace(ALPHA, server=Server("192.0.2.7"))
    choice = chosen(route_of(outside), route_of(BETA, priority=900))
    assert names(choice) == ["beta-33"]
    assert "fiction" in passed_over(choice)["alpha-33"]


def test_a_route_that_rests_is_passed_over_until_it_is_put_back() -> None:
    resting = route_of(ALPHA, down_until=NOW + timedelta(seconds=30))
    assert names(chosen(resting, route_of(BETA, priority=900))) == ["beta-33"]
    alone = chosen(resting)
    assert (names(alone), alone.is_served, alone.opens_at) == ([], True, NOW + timedelta(seconds=30))
    assert names(chosen(replace(resting, down_until=NOW))) == ["alpha-33"]


def test_a_shut_route_is_passed_over_and_tells_when_it_opens() -> None:
    shut = route_of(ALPHA, hours=Hours("mon-fri 14:00-18:00"))
    choice = chosen(shut)
    assert (names(choice), choice.opens_at) == ([], datetime(2026, 1, 13, 13, 0, tzinfo=UTC))
    assert names(choose([shut], MOBILE, Kind.VOICE, NOW + timedelta(hours=2), draw="")) == ["alpha-33"]


@pytest.mark.parametrize(
    ("hours", "at", "opens_at"),
    [
        ("", "2026-01-13T03:00+01:00", "2026-01-13T03:00+01:00"),
        ("mon-fri 08:00-20:00", "2026-01-13T08:00+01:00", "2026-01-13T08:00+01:00"),
        ("mon-fri 08:00-20:00", "2026-01-13T07:59+01:00", "2026-01-13T08:00+01:00"),
        ("mon-fri 08:00-20:00", "2026-01-13T20:00+01:00", "2026-01-14T08:00+01:00"),
        ("mon-fri 08:00-20:00", "2026-01-16T21:00+01:00", "2026-01-19T08:00+01:00"),
        ("mon-fri 08:00-20:00; sat 09:00-12:00", "2026-01-16T21:00+01:00", "2026-01-17T09:00+01:00"),
        ("sat-mon 10:00-11:00", "2026-01-13T12:00+01:00", "2026-01-17T10:00+01:00"),
        ("tue 10:00-11:00", "2026-01-13T12:00+01:00", "2026-01-20T10:00+01:00"),
        ("00:00-24:00", "2026-01-13T23:59+01:00", "2026-01-13T23:59+01:00"),
        ("09:00-10:00", "2026-03-28T12:00+01:00", "2026-03-29T09:00+02:00"),  # summer time begins in between
    ],
)
def test_hours_are_those_of_paris(hours: str, at: str, opens_at: str) -> None:
    moment = datetime.fromisoformat(at).astimezone(UTC)
    assert Hours(hours).opens_at(moment) == datetime.fromisoformat(opens_at)
    assert Hours(hours).is_open(moment) is (at == opens_at)


@pytest.mark.parametrize(
    "text", ["8-20", "mon 20:00-08:00", "mon 08:00-08:00", "lun 08:00-20:00", "mon 25:00-26:00", "mon 08:00-24:01", "x"]
)
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(RouteInvalid):
        Hours(text)


@pytest.mark.parametrize(
    "terms",
    [
        {"prefix": ""},
        {"prefix": "+33"},
        {"prefix": "3" * 16},
        {"name": "Route"},
        {"name": "none"},
        {"priority": -1},
        {"weight": 0},
        {"price_micros": -1},
    ],
)
def test_a_route_that_is_none_is_refused(terms: dict[str, object]) -> None:
    with pytest.raises(RouteInvalid):
        route_of(ALPHA, **{"name": "alpha", "prefix": "33", **terms})


def test_a_route_is_named_after_its_trunk_prefix_and_product() -> None:
    assert [route_name("ovh", "33", one) for one in Serves] == ["ovh-33-voice", "ovh-33-deposit", "ovh-33"]


def test_what_is_heard_of_a_route_counts_the_failures_since_the_last_that_was_none() -> None:
    ends = [("a", True), ("b", True), ("a", False), ("a", True), ("a", True), ("c", False)]
    assert heard_of(ends) == (
        Heard("a", 2, recovered=True),
        Heard("b", 1, recovered=False),
        Heard("c", 0, recovered=True),
    )
