"""What a call over a trunk is beyond the contract of carriers: both engines, with real SIP peers at the far end.

Bits, SIP's codes, what a timeline shows, what is heard. What is particular to one engine is in ``sip/`` and
``asterisk/``; what every carrier does, in ``test_contract.py``.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from portevoix.carrier.asterisk.terms import AsteriskTerms
from portevoix.carrier.sip.rtp import FRAME_BYTES, HEADER
from portevoix.carrier.sip.terms import Answering
from portevoix.domain.call import Answerer, Outcome, Report
from portevoix.domain.campaign import Kind
from portevoix.domain.dialling import Dial, Progress
from portevoix.domain.number import Number
from portevoix.ports import Carrier
from tests.carrier.asterisk.pbx import Pbx, asterisk, needs_asterisk
from tests.carrier.sip import trunk as sip
from tests.carrier.sip.test_listening import SILENCE, speak, tone
from tests.carrier.sip.trunk import LANDLINE, MOBILE, Told, needs_sipp, sipp, tape
from tests.parts import PATIENCE_S

pytestmark = needs_sipp

ANALYSER = AsteriskTerms(Path("/")).analyser
MESSAGE = random.Random(4).randbytes(FRAME_BYTES * 40)
AT_ONCE = 200
LONG = random.Random(5).randbytes(FRAME_BYTES * 500)


class Engine(Protocol):
    """What makes calls."""

    def carrier(self, **terms: Any) -> AbstractAsyncContextManager[Carrier]:
        """Run it with some terms of its own."""

    def dial(self, port: int, alaw: bytes, number: Number = MOBILE, **changed: Any) -> Dial:
        """Ask for a call to whoever listens at a port."""

    async def is_quiet(self) -> None:
        """Wait until nothing of any call is left."""


class Sip:
    """The engine of our own."""

    def carrier(self, **terms: Any) -> AbstractAsyncContextManager[Carrier]:
        """Run it."""
        return sip.carrier(**terms)

    def dial(self, port: int, alaw: bytes, number: Number = MOBILE, **changed: Any) -> Dial:
        """Ask for a call over a trunk whose server is the far end itself."""
        return sip.dial(sip.trunk(port), alaw, number, **changed)

    async def is_quiet(self) -> None:
        """Leave it to the peer: its scenario ends with the call."""


@pytest.fixture(scope="module")
def pbx() -> Iterator[Pbx]:
    with asterisk() as made:
        yield made


@pytest.fixture(params=["sip", pytest.param("asterisk", marks=needs_asterisk)])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    found: Engine = Sip() if request.param == "sip" else request.getfixturevalue("pbx")
    return found


async def test_the_far_end_hears_the_stored_bytes_bit_by_bit(engine: Engine, tmp_path: Path) -> None:
    told = Told()
    async with engine.carrier() as carrier, tape() as far, sipp("answer", tmp_path, media=far.port) as peer:
        report = await carrier.call(engine.dial(peer.port, MESSAGE), told)
        assert await peer.done() == ""
    assert (report.outcome, report.answerer, report.cause) == (Outcome.ANSWERED, Answerer.UNKNOWN, None)
    assert MESSAGE in far.heard()
    assert report.ringing_at is not None
    assert report.answered_at is not None
    assert report.ringing_at <= report.answered_at < report.ended_at
    assert [(one.ringing_at, one.answered_at) for one in told.said] == [
        (report.ringing_at, None),
        (report.ringing_at, report.answered_at),
    ]


@contextmanager
def far_end(message: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the benchmarks' far end: a process that takes the media of many calls, each from a port of its own."""
    command = [sys.executable, "-m", "bench.far_end", str(message)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def call_at_once(carrier: Carrier, dial: Dial, calls: int) -> list[Report]:
    """Make calls at once, some beginning while others wait for these to be answered: SIPp takes no INVITE twice."""
    beginning = asyncio.Semaphore(8)

    def told(progress: Progress) -> None:
        if progress.answered_at is not None:
            beginning.release()

    async def one() -> Report:
        await beginning.acquire()
        return await carrier.call(dial, told)

    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.gather(*(one() for _ in range(calls)))


async def test_of_two_hundred_calls_at_once_each_is_heard_bit_by_bit(engine: Engine, tmp_path: Path) -> None:
    message = tmp_path / "message.alaw"
    message.write_bytes(random.Random(10).randbytes(FRAME_BYTES * 250))
    with far_end(message) as far:
        assert far.stdout is not None
        media = int(far.stdout.readline())
        async with engine.carrier() as carrier, sipp("answer", tmp_path, calls=AT_ONCE, media=media) as peer:
            reports = await call_at_once(carrier, engine.dial(peer.port, message.read_bytes()), AT_ONCE)
            assert await peer.done() == ""
            await engine.is_quiet()
        found = json.loads(far.communicate()[0])
    assert Counter(one.outcome for one in reports) == {Outcome.ANSWERED: AT_ONCE}
    assert max(one.answered_at for one in reports if one.answered_at) < min(one.ended_at for one in reports)
    assert {name: found[name] for name in ("calls", "exact", "lost")} == {"calls": AT_ONCE, "exact": AT_ONCE, "lost": 0}


@pytest.mark.parametrize(
    ("scenario", "outcome", "cause"),
    [
        ("busy", Outcome.BUSY, 486),
        ("declined", Outcome.DECLINED, 603),
        ("not_found", Outcome.INVALID_NUMBER, 404),
        ("unavailable", Outcome.CONGESTION, 503),
        ("no_codec", Outcome.CONGESTION, 488),
        ("proxy_refuses", Outcome.CONGESTION, 407),
    ],
)
async def test_a_refusal_ends_as_what_it_means(
    engine: Engine, tmp_path: Path, scenario: str, outcome: Outcome, cause: int
) -> None:
    async with engine.carrier() as carrier, sipp(scenario, tmp_path) as peer:
        report = await carrier.call(engine.dial(peer.port, MESSAGE), Told())
        await engine.is_quiet()
    assert (report.outcome, report.cause, report.answered_at) == (outcome, cause, None)


async def test_a_phone_that_nobody_answers_is_given_up(engine: Engine, tmp_path: Path) -> None:
    async with engine.carrier(ring_timeout_s=0.5) as carrier, sipp("no_answer", tmp_path) as peer:
        report = await carrier.call(engine.dial(peer.port, MESSAGE), Told())
        assert await peer.done() == ""  # it was cancelled
    assert (report.outcome, report.answered_at) == (Outcome.NO_ANSWER, None)
    assert report.ringing_at is not None


async def test_an_answer_that_crosses_the_cancel_is_ended_and_not_billed(engine: Engine, tmp_path: Path) -> None:
    async with engine.carrier(ring_timeout_s=0.5) as carrier, sipp("crossing", tmp_path) as peer:
        report = await carrier.call(engine.dial(peer.port, MESSAGE), Told())
        assert await peer.done() == ""
        await engine.is_quiet()
    assert (report.outcome, report.duration_s) == (Outcome.NO_ANSWER, 0)


async def test_a_far_end_that_hangs_up_in_the_middle_was_answered(engine: Engine, tmp_path: Path) -> None:
    async with engine.carrier() as carrier, sipp("hangs_up", tmp_path) as peer:
        report = await carrier.call(engine.dial(peer.port, LONG), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert [one.what for one in report.trace if one.what != "rtp"] == ["far_end_hung_up"]


async def test_early_media_is_noted_rings_and_is_no_answer(engine: Engine, tmp_path: Path) -> None:
    told = Told()
    async with engine.carrier() as carrier, tape() as far, sipp("early_media", tmp_path, media=far.port) as peer:
        report = await carrier.call(engine.dial(peer.port, MESSAGE), told)
        assert await peer.done() == ""
        await engine.is_quiet()
    assert report.outcome is Outcome.ANSWERED
    assert report.ringing_at is not None
    assert report.answered_at is not None
    (early,) = [one for one in report.trace if one.what == "early_media"]
    assert early.at < report.answered_at
    assert report.ringing_at < report.answered_at
    assert MESSAGE in far.heard()  # from its beginning: nothing of it went into the early media


async def test_a_call_on_hold_shows_it_and_its_message_waits(engine: Engine, tmp_path: Path) -> None:
    message = random.Random(6).randbytes(FRAME_BYTES * 100)
    async with engine.carrier() as carrier, tape() as far, sipp("hold", tmp_path, media=far.port) as peer:
        report = await carrier.call(engine.dial(peer.port, message), Told())
        assert await peer.done() == ""
        await engine.is_quiet()
    assert [one.what for one in report.trace if one.what != "rtp"] == ["hold", "resumed", "played"]
    heard = far.heard()
    frames = {heard[place : place + FRAME_BYTES] for place in range(0, len(heard), FRAME_BYTES)}
    kept = [place for place in range(0, len(message), FRAME_BYTES) if message[place : place + FRAME_BYTES] in frames]
    assert len(kept) > 100 - 15  # the hold lasts for 15 frames, which a message that went on would lack


async def test_an_answered_calls_media_are_counted_at_its_end(engine: Engine, tmp_path: Path) -> None:
    async with engine.carrier() as carrier, tape() as far, sipp("answer", tmp_path, media=far.port) as peer:
        said = asyncio.create_task(speak(far, SILENCE))
        report = await carrier.call(engine.dial(peer.port, MESSAGE), Told())
        said.cancel()
        assert await peer.done() == ""
        await engine.is_quiet()
    last = report.trace[-1]
    counted = dict(pair.split("=") for pair in last.detail.split())
    assert last.what == "rtp"
    assert int(counted["sent"]) >= len(far.heard()) // FRAME_BYTES >= 40
    assert int(counted["received"]) > 0
    assert {"lost", "jitter_ms"} < set(counted)


@pytest.mark.parametrize("kind", [Kind.VOICE, Kind.DEPOSIT])
async def test_what_the_far_end_says_first_is_kept_bit_by_bit_where_that_is_wanted(
    engine: Engine, tmp_path: Path, kind: Kind
) -> None:
    spoken = random.Random(8).randbytes(FRAME_BYTES * 250)
    message = random.Random(9).randbytes(FRAME_BYTES * 75)
    async with (
        engine.carrier(analyser=ANALYSER, record_s=1) as carrier,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        speaking = asyncio.create_task(speak(far, spoken))
        report = await carrier.call(engine.dial(peer.port, message, kind=kind), Told())
        speaking.cancel()
        assert await peer.done() == ""
        await engine.is_quiet()
    assert [one.detail for one in report.trace if one.what == "recorded"] == ["ms=1000"]
    assert len(report.recorded) == 8_000
    # A far end that is slow under load leaves holes; what is there is what it said, frame by frame, in its order.
    frames = [report.recorded[place : place + FRAME_BYTES] for place in range(0, 8_000, FRAME_BYTES)]
    places = [spoken.index(frame) for frame in frames if frame != SILENCE[:FRAME_BYTES]]
    assert len(places) >= 5
    assert places == sorted(set(places))
    assert {place % FRAME_BYTES for place in places} == {0}


async def test_nothing_is_kept_where_that_is_not_wanted(engine: Engine, tmp_path: Path) -> None:
    async with engine.carrier() as carrier, tape() as far, sipp("answer", tmp_path, media=far.port) as peer:
        said = asyncio.create_task(speak(far, SILENCE))
        report = await carrier.call(engine.dial(peer.port, MESSAGE), Told())
        said.cancel()
        assert await peer.done() == ""
    assert report.recorded == b""
    assert "recorded" not in [one.what for one in report.trace]


async def test_a_call_is_cut_when_its_hold_is_used_up(engine: Engine, tmp_path: Path) -> None:
    async with engine.carrier() as carrier, sipp("answer", tmp_path) as peer:
        report = await carrier.call(engine.dial(peer.port, LONG, longest_s=1), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert [one.what for one in report.trace if one.what != "rtp"] == ["cut"]


async def test_keys_that_are_pressed_are_reported(engine: Engine, tmp_path: Path) -> None:
    async with engine.carrier() as carrier, tape() as far, sipp("answer", tmp_path, media=far.port) as peer:
        call = asyncio.create_task(carrier.call(engine.dial(peer.port, MESSAGE * 3), Told()))
        await far.wait_for(lambda: far.source is not None)
        for place, key in enumerate((1, 2, 11)):
            for number, ends in enumerate((0, 0, 0x80, 0x80, 0x80)):
                event = bytes([key, ends]) + (320 * (number + 1)).to_bytes(2, "big")
                packet = HEADER.pack(0x80, 101, place * 5 + number, place * 8_000, 7) + event
                far.transport.sendto(packet, far.source)
        report = await call
        assert await peer.done() == ""
    assert report.keys == "12#"


async def test_a_machines_beep_starts_the_deposit(engine: Engine, tmp_path: Path) -> None:
    async with (
        engine.carrier(analyser=ANALYSER) as carrier,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        said = asyncio.create_task(speak(far, SILENCE + tone(1_000, 500) + SILENCE * 4))
        report = await carrier.call(engine.dial(peer.port, MESSAGE, LANDLINE, kind=Kind.DEPOSIT), Told())
        said.cancel()
        assert await peer.done() == ""
        await engine.is_quiet()
    assert (report.outcome, report.answerer) == (Outcome.VOICEMAIL, Answerer.MACHINE)
    assert MESSAGE in far.heard()
    assert [one.what for one in report.trace if one.what not in ("rtp", "answerer")] == [
        "machine",
        "beep",
        "ready",
        "played",
    ]


@pytest.mark.parametrize(
    ("number", "outcome"),
    [(MOBILE, Outcome.VOICEMAIL), (LANDLINE, Outcome.TAKEN_BY_PERSON)],
    ids=["mobile", "landline"],
)
async def test_silence_takes_a_deposit_where_nobody_but_a_mailbox_can_answer(
    engine: Engine, tmp_path: Path, number: Number, outcome: Outcome
) -> None:
    async with (
        engine.carrier(analyser=ANALYSER) as carrier,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        report = await carrier.call(engine.dial(peer.port, MESSAGE, number, kind=Kind.DEPOSIT), Told())
        assert await peer.done() == ""
        await engine.is_quiet()
    assert report.outcome is outcome
    assert (MESSAGE in far.heard()) is (outcome is Outcome.VOICEMAIL)


async def test_a_voice_sms_that_waits_for_a_word_plays_after_two_seconds_without_one(
    engine: Engine, tmp_path: Path
) -> None:
    async with (
        engine.carrier(analyser=ANALYSER, answering=Answering.AFTER_WORD) as carrier,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        report = await carrier.call(engine.dial(peer.port, MESSAGE), Told())
        assert await peer.done() == ""
        await engine.is_quiet()
    assert report.outcome is Outcome.ANSWERED
    assert report.duration_s > 2
    assert MESSAGE in far.heard()
