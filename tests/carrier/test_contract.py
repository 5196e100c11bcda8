"""What every carrier does, whatever is behind it: the ``Carrier`` port's contract.

Simulated phones, our own SIP engine and Asterisk run each test, the latter two with real calls to SIPp. What is
particular to trunks is in ``test_trunk_engines.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TypeVar

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
from tests.carrier.asterisk.pbx import Pbx, asterisk, needs_asterisk
from tests.carrier.bench import Bench, Does, asterisk_bench, simulator_bench, sip_bench
from tests.carrier.sip.trunk import needs_sipp
from tests.conftest import PEPPER
from tests.parts import PATIENCE_S
from tests.store.test_calls import Customer
from tests.trunks import policy
from tests.worker.conftest import Tally

Key = TypeVar("Key")

MESSAGE_S = 3
RINGS_S = 2

#: What is played to whoever hangs up before its end.
LONG_S = 60

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

DEPOSITS = {
    Does.HAS_A_MACHINE: Outcome.VOICEMAIL,
    Does.DOES_NOT_ANSWER: Outcome.VOICEMAIL,  # its machine does
    Does.LISTENS: Outcome.TAKEN_BY_PERSON,
    Does.HAS_A_FULL_MAILBOX: Outcome.MAILBOX_FULL,
    Does.DECLINES: Outcome.DECLINED,
    Does.IS_BUSY: Outcome.BUSY,
    Does.IS_UNREACHABLE: Outcome.UNREACHABLE,
}


@pytest.fixture(scope="module")
def pbx() -> Iterator[Pbx]:
    with asterisk() as made:
        yield made


@pytest.fixture(
    params=[
        "simulator",
        pytest.param("sip", marks=needs_sipp),
        pytest.param("asterisk", marks=[needs_sipp, needs_asterisk]),
    ]
)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Each carrier's bench in turn."""
    if request.param == "simulator":
        opening = simulator_bench()
    elif request.param == "sip":
        opening = sip_bench(tmp_path)
    else:
        opening = asterisk_bench(request.getfixturevalue("pbx"), tmp_path)
    async with opening as bench:
        yield bench


def ends(bench: Bench) -> Mapping[Does, Ends]:
    """Tell how calls end at a bench: one that does not hear who takes a voice SMS plays to whoever answers."""
    if bench.hears_voice:
        return CALLS
    deaf = {
        does: replace(one, outcome=Outcome.ANSWERED if one.lasts_s else one.outcome, answerer=Answerer.UNKNOWN)
        for does, one in CALLS.items()
    }
    del deaf[Does.HAS_A_FULL_MAILBOX]
    return deaf


def dial_of(
    bench: Bench,
    number: Number,
    *,
    kind: Kind = Kind.VOICE,
    seconds: float = MESSAGE_S,
    longest_s: int = LONG_S,
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
        path=bench.path(number, 0),
    )


def dials_of(bench: Bench, all_that: Iterable[Does]) -> dict[Does, Dial]:
    """Ask for a call to each kind of phone."""
    return {
        does: dial_of(
            bench,
            bench.phone(does, rings_s=RINGS_S),
            seconds=LONG_S if does is Does.HANGS_UP else MESSAGE_S,
        )
        for does in all_that
    }


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


async def made(bench: Bench, dials: Mapping[Key, Dial]) -> dict[Key, tuple[Report, list[Progress]]]:
    """Have calls made at once, each to its end."""
    async with bench.time_passes():
        calls = {key: Call(bench, dial) for key, dial in dials.items()}
        return {key: (await call.report(), call.said.all) for key, call in calls.items()}


def is_about(bench: Bench, moment: datetime | None, expected: datetime) -> bool:
    """Whether something happened when it should have."""
    return moment is not None and abs(moment - expected) <= bench.tolerance


def lasted(bench: Bench, report: Report, seconds: float) -> bool:
    """Whether a call lasted for so long: never for less."""
    whole_s = -(-seconds // 1)
    return whole_s <= report.duration_s <= whole_s + bench.tolerance.total_seconds()


# how calls end


async def test_calls_at_once_end_each_as_its_far_end_has_it(bench: Bench) -> None:
    expected = ends(bench)
    reports = {does: report for does, (report, _) in (await made(bench, dials_of(bench, expected))).items()}
    assert {does: (one.outcome, one.answerer, one.keys) for does, one in reports.items()} == {
        does: (one.outcome, one.answerer, one.keys) for does, one in expected.items()
    }
    assert {does: (one.ringing_at is not None, one.answered_at is not None) for does, one in reports.items()} == {
        does: (one.rings, one.lasts_s is not None) for does, one in expected.items()
    }


async def test_a_report_tells_when_it_rang_and_was_answered_and_ended(bench: Bench) -> None:
    expected = ends(bench)
    dials = dials_of(bench, expected)
    for does, (report, _) in (await made(bench, dials)).items():
        dial, end = dials[does], expected[does]
        rang_s = RINGS_S if end.rings else 0
        if end.rings:
            assert is_about(bench, report.ringing_at, dial.at), does
        if end.lasts_s is not None:
            assert is_about(bench, report.answered_at, dial.at + timedelta(seconds=rang_s)), does
            assert lasted(bench, report, end.lasts_s), does
        assert is_about(bench, report.ended_at, dial.at + timedelta(seconds=rang_s + (end.lasts_s or 0))), does
        moments = [dial.at, report.ringing_at, report.answered_at, report.ended_at]
        assert sorted(filter(None, moments)) == list(filter(None, moments)), does


async def test_a_call_lasts_as_long_as_what_is_played(bench: Bench) -> None:
    number = bench.phone(Does.LISTENS)
    calls = await made(bench, {seconds: dial_of(bench, number, seconds=seconds) for seconds in (1, 2.5, MESSAGE_S)})
    assert [seconds for seconds, (report, _) in calls.items() if not lasted(bench, report, seconds)] == []


async def test_a_call_is_hung_up_when_what_was_set_aside_for_it_is_used_up(bench: Bench) -> None:
    dials = {
        (does, longest_s): dial_of(bench, bench.phone(does), seconds=LONG_S, longest_s=longest_s)
        for does in (Does.LISTENS, Does.HAS_A_MACHINE)
        for longest_s in (1, 3)
    }
    for (does, longest_s), (report, _) in (await made(bench, dials)).items():
        assert report.outcome is ends(bench)[does].outcome
        assert lasted(bench, report, longest_s)
        assert report.duration_s < LONG_S
    async with asyncio.timeout(PATIENCE_S):
        await bench.is_quiet()


async def test_a_deposit_is_left_with_a_machine_alone(bench: Bench) -> None:
    numbers = {does: bench.phone(does, is_landline=True) for does in DEPOSITS}
    calls = await made(bench, {does: dial_of(bench, number, kind=Kind.DEPOSIT) for does, number in numbers.items()})
    assert {does: report.outcome for does, (report, _) in calls.items()} == DEPOSITS
    for report, _ in calls.values():
        if report.outcome is Outcome.VOICEMAIL:
            assert report.answerer is Answerer.MACHINE
            assert lasted(bench, report, MESSAGE_S)


async def test_a_route_that_fails_says_so_and_the_other_one_makes_the_call(bench: Bench) -> None:
    first = dial_of(bench, bench.phone(Does.FAILS_ON_THE_FIRST_ROUTE))
    failed, _ = (await made(bench, {1: first}))[1]
    second = replace(first, attempt=2, route=1, at=bench.clock.now(), path=bench.path(first.number, 1))
    answered, said = (await made(bench, {2: second}))[2]
    assert (failed.outcome, answered.outcome) == (Outcome.CONGESTION, Outcome.ANSWERED)
    assert {(one.call_id, one.attempt) for one in said} == {(second.call_id, 2)}


# what is said on the way


async def test_ringing_and_then_the_answer_are_said_on_the_way_each_once(bench: Bench) -> None:
    dials = dials_of(bench, ends(bench))
    for does, (report, said) in (await made(bench, dials)).items():
        call, attempt = dials[does].call_id, dials[does].attempt
        rang = [Progress(call, attempt, report.ringing_at)] if report.ringing_at else []
        answer = Progress(call, attempt, report.ringing_at, report.answered_at)
        assert said == rang + ([answer] if report.answered_at else []), does


async def test_what_is_said_on_the_way_is_said_while_it_is_so(bench: Bench) -> None:
    call = Call(bench, dial_of(bench, bench.phone(Does.LISTENS, rings_s=RINGS_S)))
    async with bench.time_passes():
        for happened in (1, 2):
            await call.said.wait_for(happened)
            assert (len(call.said.all), call.task.done()) == (happened, False)
        await call.report()


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
    """The ``Carrier`` port: passes calls on, and keeps which it was asked for, and over which route."""

    def __init__(self, carrier: Carrier, asked: list[tuple[str, int, str]]) -> None:
        self._carrier = carrier
        self._asked = asked

    @property
    def name(self) -> str:
        """Of the route."""
        return self._carrier.name

    async def call(self, dial: Dial, progress: Callable[[Progress], None]) -> Report:
        """Pass a call on."""
        self._asked.append((dial.call, dial.attempt, self.name if dial.path is None else dial.path.trunk.name))
        return await self._carrier.call(dial, progress)


async def test_a_dialler_asks_it_once_for_each_attempt_and_settles_what_it_reports(bench: Bench, url: str) -> None:
    free = Pace(at_once=100, per_second=1_000_000)
    terms = Terms("contract", free, free, lease_s=10**9)  # here time may pass as fast as it likes
    asked: list[tuple[str, int, str]] = []
    over: Tally[Conclusion] = Tally()
    expected = ends(bench)

    def settled(concluded: Sequence[Conclusion]) -> None:
        over.extend([one for one in concluded if one.is_over])

    async with bootstrap.open_house(url, PEPPER.encode(), clock=bench.clock, policy=policy()) as opened:
        house = opened.house
        mode, routes, engines = await bench.lines(house)
        customer = await Customer.of(house, mode=mode, seconds=MESSAGE_S)
        numbers = [bench.phone(does, rings_s=RINGS_S) for does in expected]
        made_by = [Asked(route, asked) for route in routes], {one: Asked(of, asked) for one, of in engines.items()}
        dialler = Dialler(house, made_by[0], terms, settled, made_by[1])
        async with bench.time_passes(), bootstrap.in_background(dialler.run()):
            campaign = (await customer.send(numbers, retries=Retries(1, 1))).campaign
            await over.wait_for(len(numbers))
        calls = await house.campaigns.calls(customer.id, campaign, 0, 100)
        assert await check_ledger(house) == []
    again = {Does.IS_BUSY: "first", Does.DOES_NOT_ANSWER: "first", Does.FAILS_ON_THE_FIRST_ROUTE: "second"}
    attempts = [(call.id, 1, "first") for call in calls]
    attempts += [(call.id, 2, again[does]) for does, call in zip(expected, calls, strict=True) if does in again]
    assert sorted(asked) == sorted(attempts)
    outcomes = {does: end.outcome for does, end in expected.items()}
    outcomes[Does.FAILS_ON_THE_FIRST_ROUTE] = Outcome.ANSWERED
    assert [call.outcome for call in calls] == list(outcomes.values())
    assert all((call.state is CallState.FINISHED) == (call.cost_micros != 0) for call in calls)
