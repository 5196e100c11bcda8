"""Calls through a real Asterisk: what is particular to it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import pytest
from structlog.testing import capture_logs

from portevoix.bootstrap.asterisk import check_asterisk
from portevoix.carrier.asterisk.sounds import Sounds
from portevoix.carrier.asterisk.terms import AsteriskTerms
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.call import Outcome
from portevoix.domain.campaign import Kind
from portevoix.domain.trunk import CallerId, Credentials, Server
from portevoix.settings import Settings
from tests.carrier.asterisk.pbx import Pbx, asterisk, needs_asterisk
from tests.carrier.sip.trunk import LANDLINE, Told, free_udp_port, needs_sipp, sipp, tape
from tests.parts import PATIENCE_S, free_port

pytestmark = [needs_asterisk, needs_sipp]


@pytest.fixture(scope="module")
def pbx() -> Iterator[Pbx]:
    with asterisk() as made:
        yield made


def speech(frames: int) -> bytes:
    """Make bytes that no other frames equal."""
    return random.Random(711).randbytes(160 * frames)


async def test_a_message_is_taken_away_after_its_call(pbx: Pbx, tmp_path: Path) -> None:
    async with pbx.carrier() as carrier, sipp("answer", tmp_path) as peer:
        await carrier.call(pbx.dial(peer.port), Told())
        assert await peer.done() == ""
        await pbx.is_quiet()
    assert list((pbx.here / "sounds").iterdir()) == []


async def test_the_reason_of_a_refusal_is_not_seen_and_its_code_alone_counts(pbx: Pbx, tmp_path: Path) -> None:
    async with pbx.carrier() as carrier, sipp("switched_off", tmp_path) as peer:
        report = await carrier.call(pbx.dial(peer.port), Told())
        await pbx.is_quiet()
    assert (report.outcome, report.cause) == (Outcome.CONGESTION, 503)
    assert [one.detail for one in report.trace] == ["code=503 q850=34"]


@pytest.mark.parametrize("scenario", ["forwards", "redirects"])
async def test_a_redirection_is_not_followed(pbx: Pbx, tmp_path: Path, scenario: str) -> None:
    async with pbx.carrier() as carrier, sipp(scenario, tmp_path) as peer:
        report = await carrier.call(pbx.dial(peer.port), Told())
        await pbx.is_quiet()
        assert peer.messages().count("INVITE sip:") == 1
    assert (report.outcome, report.cause) == (Outcome.CONGESTION, 302)


async def test_a_trunk_is_the_endpoint_of_its_name_and_its_digest_is_asterisks_affair(pbx: Pbx, tmp_path: Path) -> None:
    async with pbx.carrier() as carrier, sipp("auth", tmp_path, port=pbx.far) as peer:
        report = await carrier.call(pbx.dial(pbx.far, template="*88{national}; X-Deposit: yes"), Told())
        invite = peer.messages()
    assert report.outcome is Outcome.ANSWERED
    assert "INVITE sip:*880639980100@127.0.0.1" in invite
    assert "X-Deposit: yes" in invite
    assert "P-Asserted-Identity: <sip:+33199000100@" in invite


async def test_a_call_by_way_of_the_dialplan_is_one_call(pbx: Pbx, tmp_path: Path) -> None:
    message = speech(40)
    async with pbx.carrier() as carrier, tape() as far, sipp("answer", tmp_path, media=far.port, port=pbx.far) as peer:
        report = await carrier.call(pbx.dial(0, message, template="Local/{national}@through"), Told())
        assert await peer.done() == ""
        assert peer.messages().count("INVITE sip:") == 1
        await pbx.is_quiet()
    assert message in far.heard()
    assert (report.outcome, [one.what for one in report.trace]) == (Outcome.ANSWERED, ["played"])


async def test_a_trunk_without_a_caller_calls_anonymously(pbx: Pbx, tmp_path: Path) -> None:
    async with pbx.carrier() as carrier, sipp("busy", tmp_path) as peer:
        await carrier.call(pbx.dial(peer.port, over=pbx.trunk(caller_id=CallerId())), Told())
        invite = peer.messages()
    assert 'From: "Anonymous" <sip:anonymous@anonymous.invalid>' in invite


async def test_a_message_that_asterisk_cannot_read_is_the_routes_fault(pbx: Pbx, tmp_path: Path) -> None:
    elsewhere = pbx.folder / "elsewhere"
    with capture_logs() as logged:
        async with pbx.carrier(seen_as=elsewhere) as carrier, sipp("answer", tmp_path) as peer:
            report = await carrier.call(pbx.dial(peer.port), Told())
            assert await peer.done() == ""
    (said,) = [one["sound"] for one in logged if one["event"] == "asterisk_plays_nothing"]
    assert str(elsewhere) in said
    assert report.outcome is Outcome.CONGESTION
    assert "not_played" in [one.what for one in report.trace]


async def test_an_endpoint_that_asterisk_does_not_have_is_the_routes_fault(pbx: Pbx) -> None:
    async with pbx.carrier() as carrier:
        report = await carrier.call(pbx.dial(0, template="PJSIP/{digits}@nowhere"), Told())
    assert report.outcome is Outcome.CONGESTION
    assert [one.what for one in report.trace] == ["asterisk_refused"]


async def test_a_deposit_that_cannot_be_heard_is_not_left_blindly(
    pbx: Pbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nowhere(server: Server) -> str:
        raise OSError(f"no way to {server}")

    monkeypatch.setattr("portevoix.carrier.asterisk.tap.own_address", nowhere)
    async with pbx.carrier(analyser=AsteriskTerms(Path("/")).analyser) as carrier, sipp("answer", tmp_path) as peer:
        report = await carrier.call(pbx.dial(peer.port, speech(40), LANDLINE, kind=Kind.DEPOSIT), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.UNREACHABLE
    assert [one.what for one in report.trace] == ["no_tap", "deaf", "answerer", "rtp"]


async def test_a_message_that_cannot_be_recorded_is_played_all_the_same(
    pbx: Pbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nowhere(server: Server) -> str:
        raise OSError(f"no way to {server}")

    monkeypatch.setattr("portevoix.carrier.asterisk.tap.own_address", nowhere)
    async with pbx.carrier(record_s=1) as carrier, sipp("answer", tmp_path) as peer:
        report = await carrier.call(pbx.dial(peer.port, speech(40)), Told())
        assert await peer.done() == ""
    assert (report.outcome, report.recorded) == (Outcome.ANSWERED, b"")
    assert [one.what for one in report.trace] == ["no_tap", "played", "rtp"]


def sounds_of(pbx: Pbx, there: str = "sounds") -> Settings:
    return Settings.read({"PORTEVOIX_ASTERISK_SOUNDS": f"{pbx.here / 'sounds'}:{pbx.folder / there}"})


async def test_a_check_tells_asterisks_version_how_the_endpoint_fares_and_that_it_plays_to_us(pbx: Pbx) -> None:
    found = await check_asterisk(sounds_of(pbx), pbx.trunk())
    assert found.asterisk is not None
    assert found.asterisk.split(".")[0].isdecimal()
    assert found.endpoint in ("online", "unknown")
    assert found.sounds == "played"
    assert list((pbx.here / "sounds").iterdir()) == []
    await pbx.is_quiet()


async def test_a_check_without_a_folder_of_sounds_plays_nothing(pbx: Pbx) -> None:
    found = await check_asterisk(Settings.read({}), pbx.trunk())
    assert (found.asterisk is not None, found.sounds) == (True, None)


async def test_a_check_tells_that_asterisk_does_not_see_the_folder(pbx: Pbx) -> None:
    assert (await check_asterisk(sounds_of(pbx, "elsewhere"), pbx.trunk())).sounds == "unread"
    await pbx.is_quiet()


async def test_a_check_tells_that_we_cannot_write_into_the_folder(pbx: Pbx, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings.read({"PORTEVOIX_ASTERISK_SOUNDS": str(tmp_path / "file" / "sounds")})
    assert (await check_asterisk(settings, pbx.trunk())).sounds == "unwritable"


async def test_a_check_tells_that_nothing_of_what_was_played_came_here(
    pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay = Sounds.lay

    def emptied(sounds: Sounds, audio: TelephoneAudio) -> str:
        media = lay(sounds, audio)
        for path in (pbx.here / "sounds").iterdir():
            path.write_bytes(b"")
        return media

    monkeypatch.setattr(Sounds, "lay", emptied)
    assert (await check_asterisk(sounds_of(pbx), pbx.trunk())).sounds == "unheard"


# Asterisk away


async def test_without_an_asterisk_nothing_is_dialled_and_another_route_may_be(pbx: Pbx) -> None:
    over = pbx.trunk(server=Server("127.0.0.1", free_port()))
    async with pbx.carrier(request_timeout_s=0.3) as carrier:
        report = await carrier.call(pbx.dial(free_udp_port(), over=over), Told())
    assert report.outcome is Outcome.CONGESTION
    assert [one.what for one in report.trace] == ["no_asterisk"]


async def test_a_password_that_asterisk_does_not_know_is_told(pbx: Pbx) -> None:
    over = pbx.trunk(credentials=Credentials("portevoix", "another"))
    with capture_logs() as logged:
        async with pbx.carrier(request_timeout_s=0.5) as carrier:
            report = await carrier.call(pbx.dial(free_udp_port(), over=over), Told())
    assert ["401" in one["error"] for one in logged if one["event"] == "asterisk_away"] == [True]
    assert report.outcome is Outcome.CONGESTION
    assert "401" in report.trace[0].detail


async def test_calls_are_lost_with_asterisk_and_flow_again_when_it_is_back(pbx: Pbx, tmp_path: Path) -> None:
    health: asyncio.Queue[bool] = asyncio.Queue()
    told = Told()

    async def until(is_up: bool) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await health.get() is not is_up:
                pass

    async with pbx.carrier(on_health=lambda trunk, up: health.put_nowait(up), look_every_s=3_600) as carrier:
        await carrier.watch([pbx.trunk()])
        await until(True)
        async with sipp("answer", tmp_path) as peer:
            calling = asyncio.create_task(carrier.call(pbx.dial(peer.port, speech(500)), told))
            async with asyncio.timeout(PATIENCE_S):
                await told.answered.wait()
            pbx.kill()
            report = await calling
        await until(False)
        pbx.start()
        await until(True)
        async with sipp("answer", tmp_path) as peer:
            again = await carrier.call(pbx.dial(peer.port), Told())
    assert (report.outcome, again.outcome) == (Outcome.LOST, Outcome.ANSWERED)
    assert report.answered_at is not None
    assert [one.what for one in report.trace] == ["connection_lost"]


class Relay:
    """A way to Asterisk that can be cut: as a proxy that is started anew, while Asterisk goes on."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._writers: list[asyncio.StreamWriter] = []
        self._requests: list[asyncio.StreamWriter] = []
        self._clients: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._is_shut = False
        self._answers = asyncio.Event()
        self._answers.set()
        self._listeners: list[asyncio.StreamWriter] = []
        self._events = asyncio.Event()
        self._events.set()
        self.hangs_up = asyncio.Event()
        self.place: Server

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65_536)
        if self._is_shut or not first:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._server.host, self._server.port)
        back.write(first)
        self._writers += [writer, back]
        if b"/ari/events" not in first:
            self._requests += [writer, back]
            self._clients.append(writer)
        else:
            self._listeners.append(writer)
        self._tasks += [asyncio.create_task(self._pass(reader, back)), asyncio.create_task(self._pass(there, writer))]

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if writer in self._clients:
                    await self._answers.wait()
                if writer in self._listeners:
                    await self._events.wait()
                if b"DELETE /ari/channels/" in data:
                    self.hangs_up.set()
                writer.write(data)
        writer.close()

    def withhold(self) -> None:
        """Pass requests on, and no answers; events go on."""
        self._answers.clear()

    def hush(self) -> None:
        """Pass no events on; requests and their answers go on."""
        self._events.clear()

    def shut(self) -> None:
        """Take no requests; events go on."""
        self._is_shut = True
        for writer in self._requests:
            writer.transport.abort()
        self._requests.clear()

    def give(self) -> None:
        """Pass everything on again."""
        self._is_shut = False
        self._answers.set()
        self._events.set()

    def cut(self) -> None:
        """Cut every connection; new ones are taken."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Self]:
        """Take connections on a free port."""
        listening = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.place = Server("127.0.0.1", listening.sockets[0].getsockname()[1])
        try:
            yield self
        finally:
            listening.close()
            self.give()
            self.cut()
            await asyncio.gather(*self._tasks)


@pytest.mark.parametrize(("scenario", "what"), [("no_answer", "rang"), ("answer", "answered")])
async def test_a_call_whose_events_are_cut_off_is_lost_and_hung_up_when_they_come_again(
    pbx: Pbx, tmp_path: Path, scenario: str, what: str
) -> None:
    told = Told()
    async with Relay(pbx.server).open() as relay, pbx.carrier() as carrier, sipp(scenario, tmp_path) as peer:
        over = pbx.trunk(server=relay.place)
        calling = asyncio.create_task(carrier.call(pbx.dial(peer.port, speech(3_000), over=over), told))
        async with asyncio.timeout(PATIENCE_S):
            await getattr(told, what).wait()
        relay.cut()
        report = await calling
        assert report.outcome is Outcome.LOST
        assert await peer.done() == ""  # it was hung up
        await pbx.is_quiet()
        async with sipp("busy", tmp_path) as another:
            again = await carrier.call(pbx.dial(another.port, over=over), Told())
    assert again.outcome is Outcome.BUSY


async def test_a_call_that_is_cancelled_once_it_is_over_is_reported_all_the_same(pbx: Pbx, tmp_path: Path) -> None:
    told = Told()
    async with Relay(pbx.server).open() as relay, pbx.carrier() as carrier, sipp("answer", tmp_path) as peer:
        over = pbx.trunk(server=relay.place)
        calling = asyncio.create_task(carrier.call(pbx.dial(peer.port, speech(3_000), over=over, longest_s=1), told))
        async with asyncio.timeout(PATIENCE_S):
            await told.answered.wait()
            relay.hush()  # so that it waits for what is told of the channel's end
            await relay.hangs_up.wait()
        calling.cancel()
        report = await calling
        relay.give()
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert "cut" in [one.what for one in report.trace]


# Asterisk there, and its answers not


async def test_a_call_whose_request_is_not_answered_is_lost_and_hung_up_and_dialled_once(
    pbx: Pbx, tmp_path: Path
) -> None:
    async with Relay(pbx.server).open() as relay, pbx.carrier(request_timeout_s=0.5) as carrier:
        over = pbx.trunk(server=relay.place)
        async with sipp("busy", tmp_path) as peer:  # the events come
            assert (await carrier.call(pbx.dial(peer.port, over=over), Told())).outcome is Outcome.BUSY
        relay.withhold()
        async with sipp("no_answer", tmp_path) as peer:
            report = await carrier.call(pbx.dial(peer.port, over=over), Told())
            relay.give()
            assert await peer.done() == ""  # it was cancelled
            assert peer.messages().count("INVITE sip:") == 1
        await pbx.is_quiet()
    assert (report.outcome, [one.what for one in report.trace]) == (Outcome.LOST, ["connection_lost"])


async def test_a_call_that_cannot_be_hung_up_is_hung_up_when_requests_are_taken_again(
    pbx: Pbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portevoix.carrier.asterisk.ari.TIDY_EVERY_S", 0.1)
    async with (
        Relay(pbx.server).open() as relay,
        pbx.carrier() as carrier,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        over = pbx.trunk(server=relay.place)
        calling = asyncio.create_task(carrier.call(pbx.dial(peer.port, speech(100), over=over), Told()))
        await far.wait_for(lambda: len(far.packets) > 20)  # it plays
        relay.shut()
        report = await calling
        assert "BYE sip:" not in peer.messages()
        relay.give()
        assert await peer.done() == ""  # it was hung up
        await pbx.is_quiet()
    assert report.outcome is Outcome.ANSWERED
    assert [one.what for one in report.trace] == ["played"]


async def test_a_channel_of_ours_that_no_call_waits_for_is_hung_up(pbx: Pbx, tmp_path: Path) -> None:
    async with pbx.carrier() as carrier, sipp("no_answer", tmp_path) as peer:
        await carrier.watch([pbx.trunk()])
        async with asyncio.timeout(PATIENCE_S):
            while not (apps := json.loads(pbx.ask("applications") or "[]")):  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.02)
        late = {"endpoint": f"PJSIP/far/sip:1@127.0.0.1:{peer.port}", "app": apps[0]["name"], "channelId": "late"}
        pbx.ask("channels", late)
        assert await peer.done() == ""  # it was cancelled
        await pbx.is_quiet()
