"""Calls that listen: keys, machines, silence; and noise from outside that harms no call."""

from __future__ import annotations

import asyncio
import math
import os
import random
import signal
import socket
from pathlib import Path

import numpy as np

from portevoix.audio.answering.terms import Terms
from portevoix.audio.g711 import alaw_encode
from portevoix.carrier.sip.rtp import FRAME_BYTES, HEADER
from portevoix.carrier.sip.terms import ANALYSER
from portevoix.domain.call import Answerer, Outcome
from portevoix.domain.campaign import Kind
from tests.carrier.sip.trunk import (
    HERE,
    LANDLINE,
    MOBILE,
    Tape,
    Told,
    carrier,
    dial,
    ear_of,
    needs_sipp,
    sipp,
    tape,
    trunk,
)

pytestmark = needs_sipp

SILENCE = b"\xd5" * 8_000
MESSAGE = random.Random(4).randbytes(FRAME_BYTES * 40)


def tone(hz: int, ms: int) -> bytes:
    """Make a tone, A-law."""
    wave = 8_000 * np.sin(2 * math.pi * hz * np.arange(8 * ms) / 8_000)
    return alaw_encode(wave.astype(np.int16))


async def speak(far: Tape, alaw: bytes) -> None:
    """Speak to whoever calls, a frame each 20 ms, once its first frame has come."""
    await far.wait_for(lambda: far.source is not None)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for place in range(len(alaw) // FRAME_BYTES):
        frame = alaw[place * FRAME_BYTES : (place + 1) * FRAME_BYTES]
        far.transport.sendto(HEADER.pack(0x80, 8, place, place * FRAME_BYTES, 7) + frame, far.source)
        await asyncio.sleep(began + (place + 1) * 0.02 - loop.time())  # a phone's own pace


async def test_a_machines_beep_starts_the_deposit(tmp_path: Path) -> None:
    async with (
        carrier(analyser=ANALYSER) as sip,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        said = asyncio.create_task(speak(far, SILENCE + tone(1_000, 500) + SILENCE * 4))
        report = await sip.call(dial(trunk(peer.port), MESSAGE, LANDLINE, kind=Kind.DEPOSIT), Told())
        said.cancel()
        assert await peer.done() == ""
    assert (report.outcome, report.answerer) == (Outcome.VOICEMAIL, Answerer.MACHINE)
    assert MESSAGE in far.heard()
    assert [one.what for one in report.trace if one.what in ("machine", "beep", "ready", "played")] == [
        "machine",
        "beep",
        "ready",
        "played",
    ]
    (summed,) = [one.detail for one in report.trace if one.what == "answerer"]
    assert "decision=machine why=beep confidence=0.99 " in summed
    assert " words=0 " in summed


async def test_the_operators_terms_decide_who_answered(tmp_path: Path) -> None:
    async with (
        carrier(analyser=ANALYSER, amd=Terms(initial_silence_ms=400, total_ms=1_800)) as sip,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        report = await sip.call(dial(trunk(peer.port), MESSAGE, LANDLINE, kind=Kind.DEPOSIT), Told())
        assert await peer.done() == ""
    (summed,) = [one.detail for one in report.trace if one.what == "answerer"]
    assert summed == "decision=silence why=initial_silence confidence=0.80 decided_ms=1800 greeting_ms=0 words=0"


async def test_a_mailbox_that_says_nothing_gets_the_deposit_after_silence(tmp_path: Path) -> None:
    async with (
        carrier(analyser=ANALYSER) as sip,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        report = await sip.call(dial(trunk(peer.port), MESSAGE, MOBILE, kind=Kind.DEPOSIT), Told())
        assert await peer.done() == ""
    assert (report.outcome, report.answerer) == (Outcome.VOICEMAIL, Answerer.MACHINE)
    assert MESSAGE in far.heard()


async def test_a_landline_that_says_nothing_gets_no_deposit(tmp_path: Path) -> None:
    async with (
        carrier(analyser=ANALYSER) as sip,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        report = await sip.call(dial(trunk(peer.port), MESSAGE, LANDLINE, kind=Kind.DEPOSIT), Told())
        assert await peer.done() == ""
    assert (report.outcome, report.answerer) == (Outcome.TAKEN_BY_PERSON, Answerer.UNKNOWN)
    assert MESSAGE[:FRAME_BYTES] not in far.heard()


async def test_when_the_ear_is_killed_calls_that_wait_for_it_end_and_messages_that_play_go_on(tmp_path: Path) -> None:
    message, folders = MESSAGE * 4, [tmp_path / name for name in ("waits", "plays", "next")]
    for folder in folders:
        folder.mkdir()
    async with (
        carrier(analyser=ANALYSER, amd=Terms(initial_silence_ms=400)) as sip,
        tape() as mute,
        tape() as far,
        sipp("answer", folders[0], media=mute.port) as waiting,
        sipp("answer", folders[1], media=far.port) as playing,
        sipp("answer", folders[2], media=mute.port) as following,
    ):
        (media,) = sip.supervisor.process_ids
        ear = await ear_of(media)
        waits, plays = (
            asyncio.create_task(sip.call(dial(trunk(peer.port), message, number, kind=Kind.DEPOSIT), Told()))
            for peer, number in ((waiting, LANDLINE), (playing, MOBILE))
        )
        await mute.wait_for(lambda: mute.source is not None)
        await far.wait_for(lambda: far.heard().endswith(MESSAGE[:FRAME_BYTES]))
        os.kill(ear, signal.SIGKILL)
        waited, played = await waits, await plays
        assert await ear_of(media, besides=ear) != ear
        report = await sip.call(dial(trunk(following.port), MESSAGE, MOBILE, kind=Kind.DEPOSIT), Told())
        for peer in (waiting, playing, following):
            assert await peer.done() == ""
        assert sip.supervisor.process_ids == [media]
        assert (sip.supervisor.counts["ear_restarts"], sip.supervisor.counts["restarts"]) == (1, 0)
    assert (waited.outcome, played.outcome) == (Outcome.UNREACHABLE, Outcome.VOICEMAIL)
    assert [one.what for one in waited.trace] == ["silence", "deaf", "answerer", "rtp"]
    assert "deaf" in [one.what for one in played.trace]
    assert message in far.heard()
    assert report.outcome is Outcome.VOICEMAIL


async def test_keys_that_are_pressed_are_reported(tmp_path: Path) -> None:
    async with carrier() as sip, tape() as far, sipp("answer", tmp_path, media=far.port) as peer:
        call = asyncio.create_task(sip.call(dial(trunk(peer.port), MESSAGE * 3), Told()))
        await far.wait_for(lambda: far.source is not None)
        for place, key in enumerate((1, 2, 11)):
            for ends in (0, 0, 0x80, 0x80, 0x80):
                event = bytes([key, ends, 0, 160])
                far.transport.sendto(HEADER.pack(0x80, 101, place, place * 800, 7) + event, far.source)
        report = await call
        assert await peer.done() == ""
    assert report.keys == "12#"
    rtp = next(one.detail for one in report.trace if one.what == "rtp")
    assert "received=15" in rtp


async def test_no_call_is_harmed_by_what_comes_to_our_ports(tmp_path: Path) -> None:
    rng, message = random.Random(4475), MESSAGE * 2
    async with carrier() as sip, tape() as far, sipp("answer", tmp_path, media=far.port) as peer:
        call = asyncio.create_task(sip.call(dial(trunk(peer.port), message), Told()))
        await far.wait_for(lambda: far.source is not None)
        assert far.source is not None
        (port,) = sip.supervisor.ports
        invite = peer.messages().encode().split(b"\n\n", 1)[-1][:900]
        signals, media = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        with signals, media:
            media.bind(("127.0.0.2", 0))  # as a stranger; what is signalled comes from the trunk's own address
            for _ in range(400):
                mangled = bytearray(invite)
                for _ in range(rng.randint(1, 20)):
                    mangled[rng.randrange(len(mangled))] = rng.randrange(256)
                signals.sendto(bytes(mangled), (HERE, port))
                media.sendto(rng.randbytes(rng.randint(0, 200)), far.source)
                media.sendto(b"\x80\x08" + rng.randbytes(170), far.source)
                media.sendto(b"\x80\xc8" + rng.randbytes(60), (far.source[0], far.source[1] + 1))
        report = await call
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert far.heard().startswith(message)
    assert sip.supervisor.counts["faults"] == 0
    assert sip.supervisor.counts["restarts"] == 0
