"""What a call over a trunk is beyond the contract of carriers: both engines, with real SIP peers at the far end.

Bits, SIP's codes, what a timeline shows, what is heard. What is particular to one engine is in ``sip/`` and
``asterisk/``; what every carrier does, in ``test_contract.py``.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from portevoix.carrier.asterisk.terms import AsteriskTerms
from portevoix.carrier.sip.rtp import FRAME_BYTES, HEADER
from portevoix.carrier.sip.terms import Answering
from portevoix.domain.call import Answerer, Outcome
from portevoix.domain.campaign import Kind
from portevoix.domain.dialling import Dial
from portevoix.domain.number import Number
from portevoix.ports import Carrier
from tests.carrier.asterisk.pbx import Pbx, asterisk, needs_asterisk
from tests.carrier.sip import trunk as sip
from tests.carrier.sip.test_listening import SILENCE, speak, tone
from tests.carrier.sip.trunk import LANDLINE, MOBILE, Told, needs_sipp, sipp, tape

pytestmark = needs_sipp

ANALYSER = AsteriskTerms(Path("/")).analyser
MESSAGE = random.Random(4).randbytes(FRAME_BYTES * 40)
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
