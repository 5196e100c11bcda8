"""Calls through a real Asterisk that listen: keys, machines, silence, by the tap."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portevoix.carrier.asterisk.terms import AsteriskTerms
from portevoix.carrier.sip.rtp import FRAME_BYTES, HEADER
from portevoix.carrier.sip.terms import Answering
from portevoix.domain.call import Answerer, Outcome
from portevoix.domain.campaign import Kind
from portevoix.domain.number import Number
from portevoix.domain.trunk import Server
from tests.carrier.asterisk.pbx import Pbx, asterisk, needs_asterisk
from tests.carrier.sip.test_listening import SILENCE, speak, tone
from tests.carrier.sip.trunk import LANDLINE, MOBILE, Told, sipp, tape

pytestmark = needs_asterisk

ANALYSER = AsteriskTerms(Path("/")).analyser
MESSAGE = random.Random(4).randbytes(FRAME_BYTES * 40)


@pytest.fixture
async def pbx() -> AsyncIterator[Pbx]:
    async with asterisk() as made:
        yield made


async def test_a_machines_beep_starts_the_deposit(pbx: Pbx, tmp_path: Path) -> None:
    async with (
        pbx.carrier(analyser=ANALYSER) as carrier,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        said = asyncio.create_task(speak(far, SILENCE + tone(1_000, 500) + SILENCE * 4))
        report = await carrier.call(pbx.dial(peer.port, MESSAGE, LANDLINE, kind=Kind.DEPOSIT), Told())
        said.cancel()
        assert await peer.done() == ""
        await pbx.is_quiet()  # of the tap nothing is left
    assert (report.outcome, report.answerer) == (Outcome.VOICEMAIL, Answerer.MACHINE)
    assert MESSAGE in far.heard()
    assert [one.what for one in report.trace] == ["machine", "beep", "ready", "played"]
    assert carrier.counts["faults"] == 0


@pytest.mark.parametrize(
    ("number", "outcome"),
    [(MOBILE, Outcome.VOICEMAIL), (LANDLINE, Outcome.TAKEN_BY_PERSON)],
    ids=["mobile", "landline"],
)
async def test_silence_takes_a_deposit_where_nobody_but_a_mailbox_can_answer(
    pbx: Pbx, tmp_path: Path, number: Number, outcome: Outcome
) -> None:
    async with (
        pbx.carrier(analyser=ANALYSER) as carrier,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        report = await carrier.call(pbx.dial(peer.port, MESSAGE, number, kind=Kind.DEPOSIT), Told())
        assert await peer.done() == ""
        await pbx.is_quiet()
    assert report.outcome is outcome
    assert (MESSAGE in far.heard()) is (outcome is Outcome.VOICEMAIL)


async def test_a_voice_sms_that_waits_for_a_word_plays_after_two_seconds_without_one(pbx: Pbx, tmp_path: Path) -> None:
    async with (
        pbx.carrier(analyser=ANALYSER, answering=Answering.AFTER_WORD) as carrier,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        report = await carrier.call(pbx.dial(peer.port, MESSAGE), Told())
        assert await peer.done() == ""
        await pbx.is_quiet()
    assert report.outcome is Outcome.ANSWERED
    assert report.duration_s == 3
    assert MESSAGE in far.heard()


async def test_a_deposit_that_cannot_be_heard_is_not_left_blindly(
    pbx: Pbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nowhere(server: Server) -> str:
        raise OSError(f"no way to {server}")

    monkeypatch.setattr("portevoix.carrier.asterisk.tap.own_address", nowhere)
    async with pbx.carrier(analyser=ANALYSER) as carrier, sipp("answer", tmp_path) as peer:
        report = await carrier.call(pbx.dial(peer.port, MESSAGE, LANDLINE, kind=Kind.DEPOSIT), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.UNREACHABLE
    assert [one.what for one in report.trace] == ["no_tap", "no_beep"]


async def test_keys_that_are_pressed_are_reported(pbx: Pbx, tmp_path: Path) -> None:
    async with pbx.carrier() as carrier, tape() as far, sipp("answer", tmp_path, media=far.port) as peer:
        call = asyncio.create_task(carrier.call(pbx.dial(peer.port, MESSAGE * 3), Told()))
        await far.wait_for(lambda: far.source is not None)
        for place, key in enumerate((1, 2, 11)):
            for number, ends in enumerate((0, 0, 0x80, 0x80, 0x80)):
                event = bytes([key, ends, (320 * (number + 1)) >> 8, (320 * (number + 1)) & 0xFF])
                packet = HEADER.pack(0x80, 101, place * 5 + number, place * 8_000, 7) + event
                far.transport.sendto(packet, far.source)
        report = await call
        assert await peer.done() == ""
    assert report.keys == "12#"


async def test_a_check_tells_asterisks_version_and_how_the_endpoint_fares(pbx: Pbx) -> None:
    from portevoix.bootstrap.asterisk import check_asterisk

    found = await check_asterisk(pbx.trunk())
    assert found.asterisk is not None
    assert found.asterisk.split(".")[0].isdecimal()
    assert found.endpoint in ("online", "unknown")
