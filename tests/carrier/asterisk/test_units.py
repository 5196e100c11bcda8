"""What of calls through Asterisk needs no Asterisk: ends, sounds, settings, what is written of a route."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from portevoix.bootstrap.asterisk import check_asterisk, open_asterisk, terms_of
from portevoix.bootstrap.engines import makers_of
from portevoix.carrier.asterisk import events, quality
from portevoix.carrier.asterisk.ari import Ari, AriRefused, AriUnclear
from portevoix.carrier.asterisk.call import endpoint_of
from portevoix.carrier.asterisk.carrier import AsteriskCarrier
from portevoix.carrier.asterisk.causes import outcome_of_end
from portevoix.carrier.asterisk.sounds import FORGOTTEN_S, Sounds
from portevoix.carrier.asterisk.tap import Tap
from portevoix.carrier.asterisk.terms import AsteriskTerms, AsteriskTermsInvalid
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.call import Outcome
from portevoix.domain.errors import InvalidValue
from portevoix.domain.number import Number
from portevoix.domain.trunk import Credentials, DialTemplate, Engine, Server
from portevoix.domain.trunk import Path as Way
from portevoix.settings import Settings
from tests.parts import PATIENCE_S, ManualClock, free_port
from tests.trunks import trunk_of

OVER = trunk_of("pbx", engine=Engine.ASTERISK)


@pytest.mark.parametrize(
    ("cause", "code", "rang", "outcome"),
    [
        (17, 486, False, Outcome.BUSY),
        (21, 603, True, Outcome.DECLINED),
        (21, 403, False, Outcome.CONGESTION),  # the operator refuses us: 21 is of Asterisk's making
        (19, 480, True, Outcome.UNREACHABLE),  # 19 is too
        (18, 408, True, Outcome.NO_ANSWER),
        (18, 408, False, Outcome.CONGESTION),  # the trunk has said nothing at all
        (127, 608, False, Outcome.BLOCKED),
        (34, 503, False, Outcome.CONGESTION),
        (20, None, False, Outcome.UNREACHABLE),  # of another technology, or an older Asterisk
        (21, None, False, Outcome.DECLINED),
        (1, None, False, Outcome.INVALID_NUMBER),
        (0, None, True, Outcome.NO_ANSWER),
        (16, None, False, Outcome.UNREACHABLE),
    ],
)
def test_an_end_without_an_answer_is_read_by_the_sip_code_and_else_by_the_cause(
    cause: int, code: int | None, rang: bool, outcome: Outcome
) -> None:
    assert outcome_of_end(cause, code, rang=rang) is outcome


def test_an_event_is_read_whatever_else_it_bears_and_one_that_lacks_much_too() -> None:
    told = events.event.decode(
        b'{"type":"ChannelDestroyed","cause":17,"tech_cause":486,"channel":{"id":"c-1","state":"Down","name":"x"}}'
    )
    assert (told.channel_id, told.cause, told.tech_cause) == ("c-1", 17, 486)
    playback = events.event.decode(
        b'{"type":"PlaybackFinished","playback":{"id":"p-1","target_uri":"channel:c-1","state":"done"}}'
    )
    assert playback.channel_id == "c-1"
    dialled = events.event.decode(b'{"type":"Dial","dialstatus":"PROGRESS","peer":{"id":"c-1","state":"Down"}}')
    assert (dialled.channel_id, dialled.dialstatus) == ("c-1", "PROGRESS")
    assert events.event.decode(b'{"type":"DeviceStateChanged"}').channel_id is None


def test_media_are_told_as_the_engine_of_our_own_tells_them() -> None:
    told = "ssrc=20;themssrc=7;lp=47;rxjitter=0.020000;rxcount=513;txjitter=0.004250;txcount=602;rlp=7;rtt=0.000000"
    assert quality.summary(told) == "sent=602 received=513 lost=47 jitter_ms=4.2 far_end_lost=7 far_end_jitter_ms=20.0"
    silent = "ssrc=20;themssrc=0;lp=0;rxjitter=0.000000;rxcount=0;txjitter=0.000000;txcount=60;rlp=0;rtt=0.000000"
    assert quality.summary(silent) == "sent=60 received=0 lost=0 jitter_ms=0.0"


@pytest.mark.parametrize("told", ["", "lp", "ssrc=x;txcount=y", "txcount=60;rxcount=0"])
def test_media_that_cannot_be_read_are_not_told(told: str) -> None:
    assert quality.summary(told) == ""


@pytest.mark.parametrize(
    ("template", "endpoint"),
    [
        ("{digits}", "PJSIP/33639980100@pbx"),
        ("*88{national}", "PJSIP/*880639980100@pbx"),
        ("Local/{national}@deposits", "Local/0639980100@deposits"),
    ],
)
def test_a_trunk_is_the_endpoint_of_its_name_where_the_route_says_nothing_else(template: str, endpoint: str) -> None:
    target = DialTemplate(template).target(Number.parse("06 39 98 01 00"))
    assert endpoint_of(Way(OVER, target, None)) == endpoint


@pytest.mark.parametrize(
    ("status", "means"),
    [
        (404, AriRefused),
        (500, AriRefused),  # Asterisk itself: it has made nothing
        (503, AriRefused),
        (502, AriUnclear),  # a proxy in front of it, which may have passed the request on
        (504, AriUnclear),
    ],
)
async def test_a_proxys_answer_leaves_open_what_has_happened_and_asterisks_does_not(
    status: int, means: type[Exception]
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        server = Server("127.0.0.1", listening.sockets[0].getsockname()[1])
        ari = Ari(server, Credentials("portevoix", "s3cret"), 5)
        with pytest.raises(means):
            await ari.ask("POST", "channels")
        await ari.close()


async def test_a_tap_whose_channels_never_begin_is_given_up() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        server = Server("127.0.0.1", listening.sockets[0].getsockname()[1])
        ari = Ari(server, Credentials("portevoix", "s3cret"), 0.5)
        tap = Tap(ari, server, "c-1", {})
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(AriUnclear, match="have not begun"):
                await tap.run(lambda frame: True)
        await ari.close()


async def test_what_the_ear_counts_is_told() -> None:
    told: Counter[str] = Counter()
    settings = Settings.read({"PORTEVOIX_ASTERISK_SOUNDS": "/nowhere"})
    opened = open_asterisk(settings, ManualClock(), lambda trunk, is_up: None, told.update)
    assert isinstance(opened, AsteriskCarrier)
    async with opened as carrier:
        carrier._ear._counts["given_up"] += 2  # as its thread does
    assert told["given_up"] == 2


def test_a_message_lies_there_as_long_as_a_call_plays_it(tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    sounds, audio = Sounds(folder, PurePosixPath("/seen/as")), TelephoneAudio(b"\xd5" * 160)
    first, second = sounds.lay(audio), sounds.lay(audio)
    (path,) = folder.iterdir()
    assert first == second == f"sound:/seen/as/{path.stem}"
    assert (path.suffix, path.read_bytes()) == (".alaw", audio.alaw)
    sounds.forget(audio)
    assert path.exists()
    sounds.forget(audio)
    assert list(folder.iterdir()) == []


def test_what_a_process_has_left_is_taken_away_a_day_later_and_nothing_else(tmp_path: Path) -> None:
    old, new, other = tmp_path / "a-1.alaw", tmp_path / "b-1.alaw", tmp_path / "hello.wav"
    for path in (old, new, other):
        path.write_bytes(b"x")
    for path in (old, other):
        os.utime(path, (path.stat().st_mtime - FORGOTTEN_S - 60,) * 2)
    Sounds(tmp_path, PurePosixPath(tmp_path)).sweep()
    assert sorted(tmp_path.iterdir()) == [new, other]


@pytest.mark.parametrize(
    "changed", [{"sounds": Path("sounds")}, {"ring_timeout_s": 0}, {"tail_ms": -1}, {"record_s": 31}]
)
def test_terms_that_cannot_be_are_refused(changed: Mapping[str, object]) -> None:
    with pytest.raises(AsteriskTermsInvalid):
        AsteriskTerms(**{"sounds": Path("/sounds"), **changed})  # type: ignore[arg-type]


def test_the_folder_of_sounds_is_read_as_we_see_it_and_as_asterisk_does() -> None:
    same = terms_of(Settings.read({"PORTEVOIX_ASTERISK_SOUNDS": "/sounds"}))
    other = terms_of(Settings.read({"PORTEVOIX_ASTERISK_SOUNDS": "/srv/sounds:/sounds"}))
    assert (same.sounds, same.there) == (Path("/sounds"), PurePosixPath("/sounds"))
    assert (other.sounds, other.there) == (Path("/srv/sounds"), PurePosixPath("/sounds"))
    with pytest.raises(InvalidValue, match="PORTEVOIX_ASTERISK_SOUNDS"):
        Settings.read({"PORTEVOIX_ASTERISK_SOUNDS": "sounds"})


def test_what_is_kept_for_proof_is_the_operators_setting() -> None:
    folder = {"PORTEVOIX_ASTERISK_SOUNDS": "/sounds"}
    kept = [terms_of(Settings.read(folder, record_calls_s=seconds)).record_s for seconds in (0, 10)]
    assert kept == [0, 10]


def test_a_node_calls_through_asterisk_where_it_has_a_folder_of_sounds() -> None:
    made = [
        set(makers_of(Settings.read(environment), ManualClock(), lambda counts: None))
        for environment in ({}, {"PORTEVOIX_ASTERISK_SOUNDS": "/sounds"})
    ]
    assert made == [{Engine.SIP}, {Engine.SIP, Engine.ASTERISK}]


async def test_a_check_tells_that_no_asterisk_answers() -> None:
    found = await check_asterisk(
        Settings.read({}), trunk_of(engine=Engine.ASTERISK, server=Server("127.0.0.1", free_port())), limit_s=0.3
    )
    assert (found.asterisk, found.endpoint) == ("", None)
    assert found.reason
