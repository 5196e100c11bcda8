"""The simulator alone: its clock, its speed, the sandbox's clock, its seed, and that it does what magic numbers say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from portevoix.carrier.simulator import SimulatedTime, Simulator
from portevoix.carrier.witness import Witness
from portevoix.domain.audio import ALAW_SILENCE, RATE_HZ, TelephoneAudio
from portevoix.domain.call import Outcome, Report
from portevoix.domain.campaign import Kind
from portevoix.domain.dialling import Dial, Progress
from portevoix.domain.magic import script
from portevoix.domain.number import Number
from tests.carrier.bench import pass_seconds
from tests.parts import PATIENCE_S, ManualClock

ALICE, BOB = 1, 2
MESSAGE_S = 5

#: Rings for 3 s, then listens to the end.
PHONE = "+33639980301"
RINGS_S = 3
LASTS_S = RINGS_S + MESSAGE_S


def dial_of(
    clock: ManualClock,
    number: str = PHONE,
    *,
    kind: Kind = Kind.VOICE,
    attempt: int = 1,
    account: int = ALICE,
    ahead_s: int = 0,
    late_s: float = 0,
) -> Dial:
    """Ask for a call.

    Args:
        ahead_s: by how much the account's clock is ahead of ours.
        late_s: how long ago it was due, by the account's clock.
    """
    return Dial(
        call_id=1,
        call="SIMULATOR0-1",
        attempt=attempt,
        account_id=account,
        number=Number.parse(number),
        kind=kind,
        audio=TelephoneAudio(bytes([ALAW_SILENCE]) * (MESSAGE_S * RATE_HZ)),
        sender=None,
        route=0,
        at=clock.now() + timedelta(seconds=ahead_s - late_s),
        longest_s=60,
        clock_offset_s=ahead_s,
    )


class Call:
    """A simulated call, watched while time passes."""

    def __init__(self, task: asyncio.Task[Report], said: list[Progress]) -> None:
        self.task = task
        self._said = said

    @property
    def happened(self) -> str:
        """How far it has come, as far as the simulator has said."""
        if self.task.done():
            return "over"
        if not self._said:
            return "dialled"
        return "answered" if self._said[-1].answered_at else "ringing"


class Phones:
    """A simulator, its clock in the test's hand."""

    def __init__(self, clock: ManualClock, speed: int | None) -> None:
        self.clock = clock
        self.time = SimulatedTime(clock, speed)
        self._simulator = Simulator(self.time)
        self._tasks: list[asyncio.Task[Report]] = []

    async def call(self, dial: Dial) -> Call:
        """Begin a call."""
        said: list[Progress] = []
        task = asyncio.create_task(self._simulator.call(dial, said.append))
        self._tasks.append(task)
        await self.pass_seconds(0)
        return Call(task, said)

    async def pass_seconds(self, seconds: float) -> None:
        """Let our seconds pass."""
        await pass_seconds(self.clock, self.time, seconds)

    async def move(self, account: int, offset_s: int) -> None:
        """Say that an account's clock is so far ahead now."""
        self.time.move(account, offset_s)
        await self.pass_seconds(0)

    def hang_up(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def phones_of(clock: ManualClock, speed: int | None = 1) -> AsyncIterator[Phones]:
    """Make a simulator; what is under way in the end is hung up."""
    phones = Phones(clock, speed)
    try:
        yield phones
    finally:
        phones.hang_up()


# the clock


async def test_a_call_is_where_the_clock_says_however_long_anybody_waits(clock: ManualClock) -> None:
    async with phones_of(clock) as phones:
        call = await phones.call(dial_of(clock))
        steps = [
            (0, "ringing"),
            (RINGS_S - 0.001, "ringing"),
            (0.001, "answered"),
            (MESSAGE_S - 0.001, "answered"),
            (0.001, "over"),
        ]
        for seconds, where in steps:
            await phones.pass_seconds(seconds)
            assert call.happened == where


@pytest.mark.parametrize("speed", [2, 60])
async def test_a_simulator_that_is_hurried_lives_so_many_seconds_in_one_of_ours(clock: ManualClock, speed: int) -> None:
    async with phones_of(clock, speed) as phones:
        dial = dial_of(clock)
        call = await phones.call(dial)
        for seconds, where in [(RINGS_S, "answered"), (MESSAGE_S, "over")]:
            await phones.pass_seconds((seconds - 0.01) / speed)
            assert call.happened != where
            await phones.pass_seconds(0.01 / speed)
            assert call.happened == where
        assert call.task.result().ended_at == dial.at + timedelta(seconds=LASTS_S)


async def test_a_simulator_without_a_speed_waits_for_nothing_and_reports_the_same(clock: ManualClock) -> None:
    dial = dial_of(clock)
    async with phones_of(clock, None) as phones:
        call = await phones.call(dial)
        assert call.task.done()
        at_once = call.task.result()
    async with phones_of(clock) as phones:
        call = await phones.call(dial)
        await phones.pass_seconds(LASTS_S)
        assert call.task.result() == at_once


async def test_a_simulator_without_a_speed_has_nothing_to_say_on_the_way(clock: ManualClock) -> None:
    said: list[Progress] = []
    await Simulator(SimulatedTime(clock, None)).call(dial_of(clock), said.append)
    assert said == []


# the sandbox's clock


async def test_a_clock_that_is_moved_on_carries_the_calls_of_its_account_along_and_no_others(
    clock: ManualClock,
) -> None:
    async with phones_of(clock) as phones:
        call, other = [await phones.call(dial_of(clock, account=account)) for account in (ALICE, BOB)]
        for offset_s, where in [(RINGS_S - 1, "ringing"), (RINGS_S, "answered"), (LASTS_S, "over")]:
            await phones.move(ALICE, offset_s)
            assert (call.happened, other.happened) == (where, "ringing")


async def test_seconds_that_pass_and_seconds_that_are_skipped_add_up(clock: ManualClock) -> None:
    async with phones_of(clock) as phones:
        call = await phones.call(dial_of(clock))
        await phones.pass_seconds(RINGS_S - 1)
        await phones.move(ALICE, 1)
        assert call.happened == "answered"
        await phones.move(ALICE, MESSAGE_S)
        assert call.happened == "answered"
        await phones.pass_seconds(1)
        assert call.happened == "over"


async def test_how_far_a_clock_was_ahead_before_the_call_does_not_shorten_it(clock: ManualClock) -> None:
    async with phones_of(clock) as phones:
        await phones.move(ALICE, 3_600)
        call = await phones.call(dial_of(clock, ahead_s=3_600))
        assert call.happened == "ringing"
        await phones.pass_seconds(LASTS_S - 1)
        assert call.happened == "answered"
        await phones.pass_seconds(1)
        assert call.happened == "over"


async def test_a_process_that_was_not_told_of_a_clock_goes_by_what_the_call_says_of_it(clock: ManualClock) -> None:
    async with phones_of(clock) as phones:
        call = await phones.call(dial_of(clock, ahead_s=3_600))
        assert call.happened == "ringing"
        await phones.move(ALICE, 3_600 + LASTS_S)
        assert call.happened == "over"


@pytest.mark.parametrize(("late_s", "where"), [(RINGS_S - 1, "ringing"), (RINGS_S, "answered"), (LASTS_S, "over")])
async def test_a_call_that_was_due_while_the_clock_was_moved_on_began_then(
    clock: ManualClock, late_s: int, where: str
) -> None:
    async with phones_of(clock) as phones:
        dial = dial_of(clock, ahead_s=3_600, late_s=late_s)
        call = await phones.call(dial)
        assert call.happened == where
        await phones.pass_seconds(LASTS_S - late_s)
        assert call.task.result().ended_at == dial.at + timedelta(seconds=LASTS_S)


# the phones


async def told(clock: ManualClock, dial: Dial, seed: int = 0) -> Report:
    """What the simulator reports, waiting for nothing."""
    async with asyncio.timeout(PATIENCE_S):
        return await Simulator(SimulatedTime(clock, None), seed).call(dial, lambda progress: None)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("block", ["+3363998", "+3319900"], ids=["mobile", "landline"])
async def test_every_phone_does_what_its_number_says(clock: ManualClock, block: str, kind: Kind) -> None:
    for code in range(100):
        dial = dial_of(clock, f"{block}{RINGS_S:02}{code:02}", kind=kind)
        played = script(dial.number, kind, MESSAGE_S)
        moments = [
            None if at_s is None else dial.at + timedelta(seconds=at_s)
            for at_s in (played.rings_at_s, played.answers_at_s, played.ends_at_s)
        ]
        report = await told(clock, dial)
        assert [report.ringing_at, report.answered_at, report.ended_at] == moments, code
        assert (report.outcome, report.answerer, report.keys) == (played.outcome, played.answerer, played.keys), code


async def test_a_deposit_on_a_mobile_does_not_ring(clock: ManualClock) -> None:
    dial = dial_of(clock, kind=Kind.DEPOSIT)
    report = await told(clock, dial)
    assert (report.outcome, report.ringing_at, report.answered_at) == (Outcome.VOICEMAIL, None, dial.at)


async def test_what_is_left_to_chance_is_the_seeds_the_numbers_and_the_attempts(clock: ManualClock) -> None:
    async def drawn(seed: int, attempt: int = 1) -> list[Report]:
        numbers = [f"+3363998{rings:02}{code}" for rings in range(1, 6) for code in range(80, 90)]
        return [await told(clock, dial_of(clock, number, attempt=attempt), seed) for number in numbers]

    first = await drawn(7)
    assert first == await drawn(7)
    assert first != await drawn(8)
    assert first != await drawn(7, attempt=2)
    assert len({report.outcome for report in first}) > 3


async def test_a_witness_sees_a_call_before_anything_is_said_of_it(clock: ManualClock, tmp_path: Path) -> None:
    path = tmp_path / "witness"
    seen: list[str] = []
    witness = Witness(path, "node/1", clock)
    simulator = Simulator(SimulatedTime(clock, 1), witness=witness)
    dial = dial_of(clock)
    task = asyncio.create_task(simulator.call(dial, lambda progress: seen.append(path.read_text(encoding="ascii"))))
    await asyncio.sleep(0)
    task.cancel()
    line = f"{clock.now().isoformat()} node/1 {dial.call_id} {dial.attempt} {dial.number.digits}\n"
    assert seen == [line]


async def test_a_call_that_nobody_can_testify_to_is_not_made(clock: ManualClock, tmp_path: Path) -> None:
    said: list[Progress] = []
    simulator = Simulator(SimulatedTime(clock, 1), witness=Witness(tmp_path / "missing" / "witness", "node/1", clock))
    with pytest.raises(FileNotFoundError):
        await simulator.call(dial_of(clock), said.append)
    assert said == []
