"""What every carrier does, whatever is behind it: the ``Carrier`` port's contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from portevoix import bootstrap
from portevoix.domain.audio import ALAW_SILENCE, RATE_HZ, TelephoneAudio
from portevoix.domain.call import Answerer, CallState, Outcome, Report, Retries
from portevoix.domain.campaign import Kind
from portevoix.domain.dialling import Conclusion, Dial, Progress
from portevoix.domain.number import Number
from portevoix.ports import Carrier
from portevoix.service.credit import check_ledger
from portevoix.worker.dialler import Dialler, Terms
from portevoix.worker.pace import Pace
from tests.carrier.bench import BENCHES, Bench, Does
from tests.conftest import PEPPER
from tests.parts import PATIENCE_S
from tests.store.test_calls import Customer
from tests.worker.conftest import Tally

MESSAGE_S = 5
RINGS_S = 2

_calls = count(1)


@dataclass(frozen=True)
class Ends:
    """How a call ends.

    Args:
        lasts_s: from its answer on; ``None`` where nobody answers.
    """

    outcome: Outcome
    rings: bool = True
    lasts_s: int | None = None
    answerer: Answerer = Answerer.UNKNOWN
    keys: str = ""


CALLS = {
    Does.LISTENS: Ends(Outcome.ANSWERED, lasts_s=MESSAGE_S, answerer=Answerer.PERSON),
    Does.HANGS_UP: Ends(Outcome.ANSWERED, lasts_s=2, answerer=Answerer.PERSON),
    Does.PRESSES_1: Ends(Outcome.ANSWERED, lasts_s=MESSAGE_S, answerer=Answerer.PERSON, keys="1"),
    Does.HAS_A_MACHINE: Ends(Outcome.VOICEMAIL, lasts_s=MESSAGE_S, answerer=Answerer.MACHINE),
    Does.HAS_A_FULL_MAILBOX: Ends(Outcome.MAILBOX_FULL),
    Does.DOES_NOT_ANSWER: Ends(Outcome.NO_ANSWER),
    Does.DECLINES: Ends(Outcome.DECLINED),
    Does.IS_BUSY: Ends(Outcome.BUSY, rings=False),
    Does.IS_UNREACHABLE: Ends(Outcome.UNREACHABLE, rings=False),
    Does.FAILS_ON_THE_FIRST_ROUTE: Ends(Outcome.CONGESTION, rings=False),
}
ANSWERED = [does for does, ends in CALLS.items() if ends.lasts_s is not None]


@pytest.fixture(params=BENCHES)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Each carrier's bench in turn."""
    async with BENCHES[request.param]() as bench:
        yield bench


def dial_of(
    bench: Bench, number: Number, *, kind: Kind = Kind.VOICE, seconds: float = MESSAGE_S, longest_s: int = 60
) -> Dial:
    """Ask for a call that plays so many seconds of silence."""
    call = next(_calls)
    return Dial(
        call_id=call,
        call=f"CONTRACT00-{call}",
        attempt=1,
        account_id=1,
        number=number,
        kind=kind,
        audio=TelephoneAudio(bytes([ALAW_SILENCE]) * round(seconds * RATE_HZ)),
        sender=None,
        route=0,
        at=bench.clock.now(),
        longest_s=longest_s,
    )


class Call:
    """A call that a carrier makes, with what it has said of it so far."""

    def __init__(self, bench: Bench, dial: Dial) -> None:
        self.dial = dial
        self.said: Tally[Progress] = Tally()
        self.task = asyncio.create_task(bench.route(dial.route).call(dial, self.said.add))

    async def report(self) -> Report:
        """Wait for its end."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.task


async def made(bench: Bench, dial: Dial) -> tuple[Report, list[Progress]]:
    """Have a call made, to its end."""
    async with bench.time_passes():
        call = Call(bench, dial)
        return await call.report(), call.said.all


def is_about(bench: Bench, moment: datetime | None, expected: datetime) -> bool:
    """Whether something happened when it should have."""
    return moment is not None and abs(moment - expected) <= bench.tolerance


# how calls end


@pytest.mark.parametrize("does", CALLS)
async def test_a_call_ends_as_the_far_end_has_it(bench: Bench, does: Does) -> None:
    dial, ends = dial_of(bench, bench.phone(does, rings_s=RINGS_S)), CALLS[does]
    report, _ = await made(bench, dial)
    assert (report.outcome, report.answerer, report.keys) == (ends.outcome, ends.answerer, ends.keys)
    assert (report.ringing_at is not None, report.answered_at is not None) == (ends.rings, ends.lasts_s is not None)


@pytest.mark.parametrize("does", CALLS)
async def test_a_report_tells_when_it_rang_and_was_answered_and_ended(bench: Bench, does: Does) -> None:
    dial, ends = dial_of(bench, bench.phone(does, rings_s=RINGS_S)), CALLS[does]
    report, _ = await made(bench, dial)
    rang_s = RINGS_S if ends.rings else 0
    if ends.rings:
        assert is_about(bench, report.ringing_at, dial.at)
    if ends.lasts_s is not None:
        assert is_about(bench, report.answered_at, dial.at + timedelta(seconds=rang_s))
        assert report.duration_s == ends.lasts_s
    assert is_about(bench, report.ended_at, dial.at + timedelta(seconds=rang_s + (ends.lasts_s or 0)))
    moments = [dial.at, report.ringing_at, report.answered_at, report.ended_at]
    assert sorted(filter(None, moments)) == list(filter(None, moments))


@pytest.mark.parametrize("seconds", [1, 2.5, MESSAGE_S])
async def test_a_call_lasts_as_long_as_what_is_played(bench: Bench, seconds: float) -> None:
    report, _ = await made(bench, dial_of(bench, bench.phone(Does.LISTENS), seconds=seconds))
    assert report.duration_s == -(-seconds // 1)


@pytest.mark.parametrize("does", [Does.LISTENS, Does.HAS_A_MACHINE])
@pytest.mark.parametrize("longest_s", [1, 3])
async def test_a_call_is_hung_up_when_what_was_set_aside_for_it_is_used_up(
    bench: Bench, does: Does, longest_s: int
) -> None:
    report, _ = await made(bench, dial_of(bench, bench.phone(does), longest_s=longest_s))
    assert (report.outcome, report.duration_s) == (CALLS[does].outcome, longest_s)


@pytest.mark.parametrize(
    ("does", "outcome"),
    [
        (Does.HAS_A_MACHINE, Outcome.VOICEMAIL),
        (Does.DOES_NOT_ANSWER, Outcome.VOICEMAIL),  # its machine does
        (Does.LISTENS, Outcome.TAKEN_BY_PERSON),
        (Does.HAS_A_FULL_MAILBOX, Outcome.MAILBOX_FULL),
        (Does.DECLINES, Outcome.DECLINED),
        (Does.IS_BUSY, Outcome.BUSY),
        (Does.IS_UNREACHABLE, Outcome.UNREACHABLE),
    ],
)
async def test_a_deposit_is_left_with_a_machine_alone(bench: Bench, does: Does, outcome: Outcome) -> None:
    number = bench.phone(does, is_landline=True)
    report, _ = await made(bench, dial_of(bench, number, kind=Kind.DEPOSIT))
    assert report.outcome is outcome
    if outcome is Outcome.VOICEMAIL:
        assert (report.answerer, report.duration_s) == (Answerer.MACHINE, MESSAGE_S)


async def test_a_route_that_fails_says_so_and_the_other_one_makes_the_call(bench: Bench) -> None:
    assert bench.route(0).name != bench.route(1).name
    first = dial_of(bench, bench.phone(Does.FAILS_ON_THE_FIRST_ROUTE))
    failed, _ = await made(bench, first)
    second = replace(first, attempt=2, route=1, at=bench.clock.now())
    answered, said = await made(bench, second)
    assert (failed.outcome, answered.outcome) == (Outcome.CONGESTION, Outcome.ANSWERED)
    assert {(one.call_id, one.attempt) for one in said} == {(second.call_id, 2)}


# what is said on the way


@pytest.mark.parametrize("does", CALLS)
async def test_ringing_and_then_the_answer_are_said_on_the_way_each_once(bench: Bench, does: Does) -> None:
    dial = dial_of(bench, bench.phone(does, rings_s=RINGS_S))
    report, said = await made(bench, dial)
    rang = [Progress(dial.call_id, dial.attempt, report.ringing_at)] if report.ringing_at else []
    answer = Progress(dial.call_id, dial.attempt, report.ringing_at, report.answered_at)
    assert said == rang + ([answer] if report.answered_at else [])


async def test_what_is_said_on_the_way_is_said_while_it_is_so(bench: Bench) -> None:
    call = Call(bench, dial_of(bench, bench.phone(Does.LISTENS, rings_s=RINGS_S)))
    async with bench.time_passes():
        for happened in (1, 2):
            await call.said.wait_for(happened)
            assert (len(call.said.all), call.task.done()) == (happened, False)
        await call.report()


async def test_calls_at_once_are_told_apart(bench: Bench) -> None:
    dials = {does: dial_of(bench, bench.phone(does, rings_s=RINGS_S)) for does in CALLS}
    async with bench.time_passes():
        calls = {does: Call(bench, dial) for does, dial in dials.items()}
        for does, call in calls.items():
            assert (await call.report()).outcome is CALLS[does].outcome
    for call in calls.values():
        assert {(one.call_id, one.attempt) for one in call.said.all} <= {(call.dial.call_id, 1)}
    assert [len(calls[does].said.all) for does in ANSWERED] == [2] * len(ANSWERED)


# hanging up


@pytest.mark.parametrize("happened", [1, 2], ids=["while it rings", "after the answer"])
async def test_a_call_that_is_cancelled_is_hung_up_and_no_other(bench: Bench, happened: int) -> None:
    cancelled, other = (Call(bench, dial_of(bench, bench.phone(Does.LISTENS, rings_s=RINGS_S))) for _ in range(2))
    async with bench.time_passes():
        await cancelled.said.wait_for(happened)
        cancelled.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled.report()
        assert (await other.report()).outcome is Outcome.ANSWERED
        async with asyncio.timeout(PATIENCE_S):
            await bench.is_quiet()
    assert len(cancelled.said.all) == happened
    assert len(other.said.all) == 2


async def test_a_call_that_is_cancelled_before_it_begins_is_none(bench: Bench) -> None:
    call = Call(bench, dial_of(bench, bench.phone(Does.LISTENS)))
    call.task.cancel()
    async with bench.time_passes():
        with pytest.raises(asyncio.CancelledError):
            await call.report()
        await bench.is_quiet()
    assert call.said.all == []


# asked by the dialler


class Asked:
    """The ``Carrier`` port: passes calls on, and keeps which it was asked for."""

    def __init__(self, carrier: Carrier, asked: list[tuple[str, int, str]]) -> None:
        self._carrier = carrier
        self._asked = asked

    @property
    def name(self) -> str:
        """Of the route."""
        return self._carrier.name

    async def call(self, dial: Dial, progress: Callable[[Progress], None]) -> Report:
        """Pass a call on."""
        self._asked.append((dial.call, dial.attempt, self.name))
        return await self._carrier.call(dial, progress)


async def test_a_dialler_asks_it_once_for_each_attempt_and_settles_what_it_reports(bench: Bench, url: str) -> None:
    free = Pace(at_once=100, per_second=1_000_000)
    terms = Terms("contract", free, free, lease_s=10**9)  # here time may pass as fast as it likes
    asked: list[tuple[str, int, str]] = []
    over: Tally[Conclusion] = Tally()

    def settled(concluded: Sequence[Conclusion]) -> None:
        over.extend([one for one in concluded if one.is_over])

    async with bootstrap.open_house(url, PEPPER.encode(), clock=bench.clock) as opened:
        house = opened.house
        customer = await Customer.of(house, seconds=MESSAGE_S)
        numbers = [bench.phone(does, rings_s=RINGS_S) for does in CALLS]
        routes = [Asked(bench.route(number), asked) for number in (0, 1)]
        async with bench.time_passes(), bootstrap._in_background(Dialler(house, routes, terms, settled).run()):
            campaign = (await customer.send(numbers, retries=Retries(1, 10))).campaign
            await over.wait_for(len(numbers))
        calls = await house.campaigns.calls(customer.id, campaign, 0, 100)
        assert await check_ledger(house) == []
    first, second = bench.route(0).name, bench.route(1).name
    again = {Does.IS_BUSY: first, Does.DOES_NOT_ANSWER: first, Does.FAILS_ON_THE_FIRST_ROUTE: second}
    expected = [(call.id, 1, first) for call in calls]
    expected += [(call.id, 2, again[does]) for does, call in zip(CALLS, calls, strict=True) if does in again]
    assert sorted(asked) == sorted(expected)
    outcomes = {**{does: ends.outcome for does, ends in CALLS.items()}, Does.FAILS_ON_THE_FIRST_ROUTE: Outcome.ANSWERED}
    assert [call.outcome for call in calls] == list(outcomes.values())
    assert all((call.state is CallState.FINISHED) == (call.cost_micros != 0) for call in calls)
