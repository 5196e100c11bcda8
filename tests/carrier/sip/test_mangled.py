"""Messages, descriptions, media and reports that Hypothesis mangles, at our ports while a call runs."""

from __future__ import annotations

import asyncio
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portevoix.carrier.sip import rtcp
from portevoix.carrier.sip.carrier import SipCarrier
from portevoix.carrier.sip.rtp import FRAME_BYTES, HEADER
from portevoix.carrier.sip.sdp import SdpRefused, parse
from portevoix.domain.call import Outcome
from tests.carrier.sip.far import FarEnd, Said, answered, description, ended, far_end, stranger
from tests.carrier.sip.trunk import HERE, Tape, Told, carrier, dial, tape, trunk

MESSAGE = bytes(range(160)) * 150
FEW = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
CUTS = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 40), st.binary(max_size=12)), min_size=1, max_size=5)
"""Where something is cut out, how much of it, and what stands there instead."""
TOKENS = [
    b"\r\n",
    b"\0",
    b"m=audio ",
    b"c=IN IP6 ",
    b"a=rtpmap:",
    b"999999999999",
    b"-1",
    b"\xff\xfe",
    b";",
    b'"',
    b"<",
]
PLACED = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 8), st.sampled_from(TOKENS)), min_size=1, max_size=4)


def mangled(data: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    """Mangle something."""
    made = bytearray(data)
    for place, length, instead in cuts:
        at = place % (len(made) + 1)
        made[at : at + length] = instead
    return bytes(made)


def harmless(body: bytes, media: int) -> str:
    """Decode a description, unless it has us send to others on the network than this machine."""
    text = body.decode("latin-1")
    try:
        where = parse(text).address
    except SdpRefused:
        return text
    return text if where in (None, HERE) else description(media)


def say(far: FarEnd, to: tuple[str, int], text: str, body: str) -> None:
    """Say a message again with another body, byte by byte."""
    head = text.partition("\r\n\r\n")[0].rpartition("Content-Length")[0]
    described = "" if "Content-Type" in head else "Content-Type: application/sdp\r\n"
    far.say(f"{head}{described}Content-Length: {len(body)}\r\n\r\n{body}".encode("latin-1"), to)


async def described(sip: SipCarrier, far: FarEnd, media: Tape, bodies: tuple[str, str, str]) -> Outcome:
    """Make a call whose 183, 200 and re-INVITE describe what they do; returns how it ended."""
    early, answer, again = bodies
    call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
    invite = await far.take("INVITE")
    say(far, invite.source, far.answer(invite, 183), early)
    say(far, invite.source, far.answer(invite, 180).replace("SIP/2.0 180", "SIP/2.0 200"), answer)
    await far.take("ACK")
    await far.alive(invite.source)
    if not call.done() and "BYE" not in far.starts(far.heard.index(invite)):
        say(far, invite.source, far.ask("OPTIONS", invite, 1).replace("OPTIONS", "INVITE"), again)
        refused = await _final(far)
        ack = far.ask("OPTIONS", invite, 1).replace("OPTIONS", "ACK")
        far.say(ack.replace(f"To: {invite.one('from')}", f"To: {refused.one('to')}"), invite.source)
        far.ask("BYE", invite, 5)
    else:
        far.answer(await far.take("BYE"), 200)
    return (await call).outcome


async def _final(far: FarEnd) -> Said:
    answer = await far.take("SIP/2.0")
    while "INVITE" not in answer.one("cseq"):
        answer = await far.take("SIP/2.0")
    return answer


@FEW
@given(st.lists(st.tuples(*[CUTS | PLACED] * 3), min_size=8, max_size=16))
def test_mangled_descriptions_harm_no_other_call(cuts: list[tuple[list[tuple[int, int, bytes]], ...]]) -> None:
    async def run() -> None:
        async with carrier() as sip, far_end() as far, far_end() as odd, tape() as media, tape() as other:
            call, _ = await answered(sip, far, media, MESSAGE)
            whole = description(other.port).encode()
            for three in cuts:
                early, answer, again = (harmless(mangled(whole, one), other.port) for one in three)
                outcome = await described(sip, odd, other, (early, answer, again))
                assert outcome in (Outcome.ANSWERED, Outcome.CONGESTION)
            report = await ended(call, far)
        assert report.outcome is Outcome.ANSWERED
        assert media.heard().startswith(MESSAGE)
        assert sip.supervisor.counts["faults"] == sip.supervisor.counts["restarts"] == 0

    asyncio.run(run())


@FEW
@given(st.lists(CUTS, min_size=60, max_size=60))
def test_mangled_media_and_reports_harm_no_call(cuts: list[list[tuple[int, int, bytes]]]) -> None:
    async def run() -> None:
        async with carrier() as sip, far_end() as far, tape() as media:
            call, _ = await answered(sip, far, media, MESSAGE[: 160 * 40])
            await media.wait_for(lambda: len(media.packets) > 0)
            assert media.source is not None
            host, port = media.source
            heard = rtcp.Reception()
            heard.hear(media.packets[0].ssrc, 1, 160, 0.0)
            report_of_ours = rtcp.report(rtcp.Sent(7, 1, 2, 3), heard, 1.0, "far", ends=True)
            frame = HEADER.pack(0x80, 8, 1, 160, 7) + b"\x55" * FRAME_BYTES
            key = HEADER.pack(0x80, 101, 2, 320, 7) + bytes([5, 0x80, 0, 160])
            with stranger(HERE) as neighbour, stranger("127.0.0.7") as elsewhere:
                for one in cuts:
                    for data in (frame, key):
                        media.transport.sendto(mangled(data, one), (host, port))
                        elsewhere.sendto(mangled(data, one), (host, port))
                    for sock in (neighbour, elsewhere):
                        sock.sendto(mangled(report_of_ours, one), (host, port + 1))
            report = await ended(call, far)
        assert report.outcome is Outcome.ANSWERED
        assert media.heard().startswith(MESSAGE[: 160 * 40])
        assert sip.supervisor.counts["faults"] == sip.supervisor.counts["restarts"] == 0

    asyncio.run(run())


@FEW
@given(st.lists(st.tuples(st.integers(0, 7), CUTS | PLACED), min_size=30, max_size=60))
def test_mangled_requests_and_responses_of_a_calls_dialog_harm_no_other(
    said: list[tuple[int, list[tuple[int, int, bytes]]]],
) -> None:
    async def run() -> None:
        async with carrier() as sip, far_end() as far, far_end() as odd, tape() as media, tape() as other:
            call, _ = await answered(sip, far, media, MESSAGE)
            target, invite = await answered(sip, odd, other, MESSAGE)
            for number, (kind, cuts) in enumerate(said, start=1):
                if kind < 5:
                    method = ("INVITE", "UPDATE", "OPTIONS", "INFO", "REFER")[kind]
                    text = odd.ask("OPTIONS", invite, number * 2).replace("OPTIONS", method)
                    text = text.replace(f"CSeq: {number * 2}", f"CSeq: {number * 2 + 1}")
                else:
                    text = odd.answer(invite, (180, 200, 486)[kind - 5], body=description(other.port))
                data = mangled(text.encode(), cuts)
                if all(one.startswith(b"127.") for one in re.findall(rb"\d+\.\d+\.\d+\.\d+", data)):  # this machine
                    odd.say(data, invite.source)
                await odd.alive(invite.source)
            target.cancel()
            report = await ended(call, far)
        assert report.outcome is Outcome.ANSWERED
        assert media.heard().startswith(MESSAGE)
        assert sip.supervisor.counts["faults"] == sip.supervisor.counts["restarts"] == 0

    asyncio.run(run())
