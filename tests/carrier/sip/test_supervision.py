"""The media processes: one that dies takes its calls along, and nothing else."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from portevoix.carrier.sip.carrier import SipCarrier
from portevoix.carrier.sip.supervisor import Said, Supervisor
from portevoix.carrier.sip.terms import ANALYSER
from portevoix.carrier.sip.wire import (
    Begin,
    Counted,
    Ended,
    Frames,
    FromProcess,
    Health,
    Mode,
    Peer,
    Registration,
    Setup,
    Sound,
    pack,
    read_from_process,
)
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.call import Outcome
from portevoix.domain.trunk import Credentials, Server
from tests.carrier.sip.far import description, far_end
from tests.carrier.sip.trunk import (
    CREDENTIALS,
    HERE,
    SystemClock,
    Told,
    carrier,
    dial,
    ear_of,
    free_udp_port,
    maps_of,
    needs_sipp,
    sipp,
    tape,
    terms,
    trunk,
)
from tests.parts import PATIENCE_S

MINUTE = b"\x55" * 8_000 * 60


def test_a_media_process_imports_no_more_than_it_needs() -> None:
    said = "import sys, portevoix.carrier.sip.process; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", said], check=True, capture_output=True, text=True).stdout.split()
    unwanted = {"asyncio", "flask", "httpx2", "numpy", "psycopg", "starlette", "structlog", "websockets"}
    assert unwanted.isdisjoint(imported)
    assert {one for one in imported if one.startswith("portevoix.")} <= {
        "portevoix.audio",
        "portevoix.carrier",
        "portevoix.domain",
        *(one for one in imported if one.startswith(("portevoix.audio.answering", "portevoix.carrier.sip"))),
        "portevoix.domain.call",
        "portevoix.domain.errors",
    }


async def test_a_media_process_has_no_native_audio_code_in_it_its_ear_has() -> None:
    async with carrier(analyser=ANALYSER) as sip:
        (media,) = sip.supervisor.process_ids
        assert await ear_of(media) != media  # once that one has loaded it
        assert not [name for name in ("numpy", "webrtcvad") if name in maps_of(media)]


@needs_sipp
async def test_calls_of_a_process_that_is_killed_are_lost_and_new_ones_flow(tmp_path: Path) -> None:
    calls, (first, then) = [Told() for _ in range(10)], (tmp_path / "first", tmp_path / "then")
    first.mkdir()
    then.mkdir()
    async with carrier() as sip, sipp("answer", first, calls=10) as peer, sipp("answer", then) as other:
        under_way = [asyncio.create_task(sip.call(dial(trunk(peer.port), MINUTE), told)) for told in calls]
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(told.answered.wait() for told in calls))
        (killed,) = sip.supervisor.process_ids
        os.kill(killed, signal.SIGKILL)
        reports = await asyncio.gather(*under_way)
        assert {one.outcome for one in reports} == {Outcome.LOST}
        assert all(one.answered_at is not None for one in reports)
        report = await sip.call(dial(trunk(other.port)), Told())
        assert report.outcome is Outcome.ANSWERED
        assert sip.supervisor.process_ids != [killed]
        assert sip.supervisor.counts["restarts"] == 1


@needs_sipp
async def test_calls_are_shared_out_among_the_processes(tmp_path: Path) -> None:
    calls = [Told(), Told()]
    first = 22_000 + free_udp_port() % 100 * 200
    async with carrier(processes=2, rtp_ports=(first, first + 199)) as sip, sipp("answer", tmp_path, calls=2) as peer:
        under_way = [asyncio.create_task(sip.call(dial(trunk(peer.port), MINUTE), told)) for told in calls]
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(told.answered.wait() for told in calls))
        os.kill(sip.supervisor.process_ids[0], signal.SIGKILL)
        done, left = await asyncio.wait(under_way, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        assert [one.result().outcome for one in done] == [Outcome.LOST]
        assert len(left) == 1
        await asyncio.gather(*left, return_exceptions=True) if left.pop().cancel() else None


DEFECT = """
import sys
from portevoix.carrier.sip import process, stream

def break_off(self, *, ends=False):
    if not ends:
        raise ValueError("planted")

stream.REPORT_TICKS = 5
stream.Stream.report = break_off
process.main()
"""


async def test_a_call_whose_media_a_defect_ends_is_hung_up_on_and_lost() -> None:
    ours, theirs = socket.socketpair()
    set_up, message, began_s = terms(), TelephoneAudio(MINUTE), time.monotonic()
    async with far_end() as far, tape() as media:
        with theirs:
            started = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", DEFECT, str(theirs.fileno())), pass_fds=[theirs.fileno()]
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        peer = Peer(1, HERE, far.port, (HERE,))
        begin = Begin(7, peer, "0639980100", (), None, False, message.sha256, Mode(), 60, 0)
        for said in (Setup(set_up, 0), Sound(message.sha256, message.alaw), begin):
            writer.write(pack(said))
        far.answer(await far.take("INVITE"), 200, body=description(media.port))
        far.answer(await far.take("BYE"), 200)
        frames, heard = Frames(), list[FromProcess]()
        async with asyncio.timeout(PATIENCE_S):
            while not any(isinstance(one, Ended) for one in heard):
                heard += map(read_from_process, frames.feed(await reader.read(9_000)))
        writer.close()
        await started.wait()
    (end,) = [one for one in heard if isinstance(one, Ended)]
    assert (end.key, end.outcome) == (7, Outcome.LOST)
    assert end.answered_at is not None
    assert began_s < end.answered_at <= end.at < time.monotonic(), "timed by the steady clock alone, from the epoch"
    assert "media_lost" in [what for _, what, _ in end.trace]


async def test_a_call_that_its_media_process_never_ends_is_lost_and_hung_up_on_once_it_listens() -> None:
    set_up, told = terms(ring_timeout_s=0.5), Told()
    sip = SipCarrier(set_up, SystemClock())
    sip.supervisor = Supervisor(set_up, lambda: SystemClock().now().timestamp(), margin_s=0.5)
    async with sip, far_end() as far, tape() as media:
        await sip.supervisor.ready()
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MINUTE, longest_s=2), told))
        far.answer(await far.take("INVITE"), 200, body=description(media.port))
        async with asyncio.timeout(PATIENCE_S):
            await told.answered.wait()
        (stopped,) = sip.supervisor.process_ids
        os.kill(stopped, signal.SIGSTOP)
        try:
            async with asyncio.timeout(PATIENCE_S):
                report = await call
        finally:
            os.kill(stopped, signal.SIGCONT)
        far.answer(await far.take("BYE"), 200)
    assert report.outcome is Outcome.LOST
    assert report.answered_at is not None
    assert [one.what for one in report.trace] == ["process_lost"]


async def test_a_carrier_that_ends_while_its_process_begins_leaves_nothing_open() -> None:
    for turns in range(8):  # of the loop: at one of them the process is being started
        async with SipCarrier(terms(), SystemClock()):
            for _ in range(turns):
                await asyncio.sleep(0)
    gc.collect()  # what was left open is told as a warning, which fails the test


async def test_a_trunk_without_an_address_is_the_routes_fault() -> None:
    async with carrier() as sip:
        nowhere = trunk(5060, server=Server("nowhere.invalid", 5060))
        report = await sip.call(dial(nowhere), Told())
    assert report.outcome is Outcome.CONGESTION
    assert [one.what for one in report.trace] == ["no_address"]


class Heard:
    """Takes what is said of trunks."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[Said] = asyncio.Queue()

    async def next(self, kind: type[Said]) -> Said:
        """Wait for the next of a kind."""
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance(said := await self.said.get(), kind):
                pass
        return said


@needs_sipp
async def test_a_trunk_that_wants_to_know_where_we_are_is_told_with_a_digest(tmp_path: Path) -> None:
    heard = Heard()
    async with (
        sipp("register", tmp_path) as peer,
        SipCarrier(terms(options_every_s=0.0), SystemClock(), on_said=heard.said.put_nowait) as sip,
    ):
        await sip.watch([trunk(peer.port, registers=True, credentials=CREDENTIALS)])
        said = await heard.next(Registration)
    assert said == Registration(1, 200, "OK", 300)


@needs_sipp
async def test_a_registration_that_is_refused_is_told(tmp_path: Path) -> None:
    heard = Heard()
    async with (
        sipp("register", tmp_path) as peer,
        SipCarrier(terms(options_every_s=0.0), SystemClock(), on_said=heard.said.put_nowait) as sip,
    ):
        await sip.watch([trunk(peer.port, registers=True, credentials=Credentials("trunkuser", "guess"))])
        said = await heard.next(Registration)
    assert isinstance(said, Registration)
    assert (said.code, said.expires_s) == (403, 0)


@needs_sipp
async def test_any_answer_to_options_is_a_sign_of_life_and_it_is_asked_again(tmp_path: Path) -> None:
    heard = Heard()
    async with (
        sipp("options", tmp_path, calls=2) as peer,
        SipCarrier(terms(options_every_s=0.1), SystemClock(), on_said=heard.said.put_nowait) as sip,
    ):
        await sip.watch([trunk(peer.port)])
        for _ in range(2):
            said = await heard.next(Health)
            assert isinstance(said, Health)
            assert said.code == 405


@needs_sipp
async def test_a_trunk_that_falls_silent_is_told_so_and_one_that_never_answers_options_is_not(tmp_path: Path) -> None:
    heard = Heard()
    async with (
        tape() as silent,
        sipp("options", tmp_path) as peer,
        SipCarrier(terms(options_every_s=0.1), SystemClock(), on_said=heard.said.put_nowait) as sip,
    ):
        await sip.watch([replace(trunk(silent.port), id=2), trunk(peer.port)])
        told = [await heard.next(Health)]
        assert await peer.done() == ""
        while not isinstance(told[-1], Health) or told[-1].code:
            told.append(await heard.next(Health))
    assert {said.trunk for said in told if isinstance(said, Health)} == {1}


OPTIONS = (
    "OPTIONS sip:{host}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{back};branch=z9hG4bK{branch}\r\n"
    "From: <sip:a@{host}>;tag=1\r\nTo: <sip:b@{host}>\r\nCall-ID: {branch}\r\nCSeq: 1 {method}\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


async def test_strangers_get_no_word_and_trunks_an_answer() -> None:
    loop, heard = asyncio.get_running_loop(), Heard()
    async with SipCarrier(terms(), SystemClock(), on_said=heard.said.put_nowait) as sip:
        await sip.supervisor.ready()
        (port,) = sip.supervisor.ports
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.bind((HERE, 0))
            wire.setblocking(False)
            back = wire.getsockname()[1]

            def ask(branch: str, method: str = "OPTIONS") -> None:
                text = OPTIONS.format(host=HERE, port=port, back=back, branch=branch, method=method)
                wire.sendto(text.encode().replace(b"OPTIONS sip", f"{method} sip".encode()), (HERE, port))

            ask("stranger")
            async with asyncio.timeout(PATIENCE_S):
                assert await heard.next(Counted) == Counted({"strangers": 1})
                await sip.watch([trunk(back)])
                (watched,) = await _requests(wire, 1)
                assert watched.startswith(b"OPTIONS")
                wire.sendto(b"NONSENSE" * 10, (HERE, port))
                wire.sendto(b"\xff\xfe" * 40, (HERE, port))
                ask("known")
                assert (await loop.sock_recv(wire, 2_048)).startswith(b"SIP/2.0 200 OK")
                ask("invites", "INVITE")
                assert (await loop.sock_recv(wire, 2_048)).startswith(b"SIP/2.0 603")
                while sip.supervisor.counts["malformed"] < 2:
                    await heard.next(Counted)


async def _requests(wire: socket.socket, count: int) -> list[bytes]:
    """Take requests, and answer each by 200 so that it is not sent again."""
    loop, taken = asyncio.get_running_loop(), []
    while len(taken) < count:
        data, source = await loop.sock_recvfrom(wire, 2_048)
        lines = data.split(b"\r\n")
        kept = [one for one in lines[1:] if one.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")]
        await loop.sock_sendto(wire, b"\r\n".join([b"SIP/2.0 200 OK", *kept, b"Content-Length: 0", b"", b""]), source)
        taken.append(data)
    return taken
