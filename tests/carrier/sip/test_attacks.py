"""What somebody who means harm says to our ports, from elsewhere and from the trunk's own address."""

from __future__ import annotations

import asyncio

import pytest
from sippy.SipResponse import SipResponse

from portevoix.carrier.sip import rtcp
from portevoix.carrier.sip.redirect import Redirects
from portevoix.carrier.sip.rtp import HEADER
from portevoix.carrier.sip.sdp import Codec, Direction, Media
from portevoix.carrier.sip.stream import Ports, Stream
from portevoix.carrier.sip.wire import Peer
from portevoix.domain.call import Outcome
from tests.carrier.sip.far import answered, description, ended, far_end, stranger
from tests.carrier.sip.trunk import CREDENTIALS, HERE, Tape, Told, carrier, dial, tape, trunk

MESSAGE = bytes(range(160)) * 50
ELSEWHERE = "127.0.0.7"


async def test_who_is_no_trunk_cannot_end_or_change_a_call_though_it_knows_every_tag() -> None:
    async with carrier() as sip, far_end() as far, far_end(ELSEWHERE) as other, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        for number, method in enumerate(("BYE", "CANCEL", "UPDATE", "INVITE", "INFO", "OPTIONS"), start=1):
            other.ask(method, invite, number, body=description(9) if method in ("UPDATE", "INVITE") else "")
        await far.alive(invite.source)
        report = await ended(call, far)
        assert other.heard == []  # not even that there is somebody
    assert report.outcome is Outcome.ANSWERED
    assert media.heard().startswith(MESSAGE)


async def test_who_speaks_from_the_trunks_address_cannot_end_or_change_a_call_without_its_tags() -> None:
    async with carrier() as sip, far_end() as far, far_end() as other, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        us = invite.one("from")
        for number, method in enumerate(("BYE", "UPDATE", "INVITE", "INFO"), start=1):
            body = description(9) if method in ("UPDATE", "INVITE") else ""
            other.ask(method, invite, number, tag="guessed", body=body)
            other.ask(method, invite, number, ours=f"{us.partition(';tag=')[0]};tag=guessed", body=body)
        other.ask("CANCEL", invite, invite.number)
        await other.alive(invite.source)
        refused = [code for code in other.starts() if code != "200"]
        report = await ended(call, far)
    assert refused == ["481"] * 9
    assert report.outcome is Outcome.ANSWERED
    assert media.heard().startswith(MESSAGE)


async def test_media_from_elsewhere_change_nothing_nor_do_their_keys() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call, _ = await answered(sip, far, media, MESSAGE)
        await media.wait_for(lambda: media.source is not None)
        assert media.source is not None
        with stranger(ELSEWHERE) as elsewhere, stranger(HERE) as neighbour:
            media.transport.sendto(key(1, 1), media.source)  # the far end's own port is the only one from now on
            await heard(media)
            for one in (elsewhere, neighbour):
                one.sendto(key(2, 5), media.source)
            await heard(media)
        report = await ended(call, far)
    assert report.keys == "1"
    assert media.heard().startswith(MESSAGE)


def test_nobody_else_may_press_keys_while_a_call_is_on_hold_without_an_address() -> None:
    stream = Stream(Ports(HERE, 41_200, 41_399).take())
    stream.aim(Media(None, 9, Codec.PCMA, 101, Direction.BOTH), [HERE])
    with stranger(HERE) as far, stranger(HERE) as neighbour, stranger(ELSEWHERE) as elsewhere:
        for place, one in enumerate((elsewhere, far, neighbour, elsewhere, far)):
            one.sendto(key(place, place), (HERE, stream.port))
            stream.drain()
    stream.close()
    assert stream.digits.pressed == "14"


async def test_a_strangers_rtcp_goodbye_or_report_changes_nothing() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call, _ = await answered(sip, far, media, MESSAGE)
        await media.wait_for(lambda: len(media.packets) > 1)
        assert media.source is not None
        ssrc = media.packets[0].ssrc
        block = b"".join(part.to_bytes(4, "big") for part in (ssrc, 0x7FFFFF, 1, 8_000, 0, 0))
        goodbye = rtcp._packet(rtcp.GOODBYE, 1, ssrc, b"")
        with stranger(ELSEWHERE) as elsewhere:
            for data in (rtcp._packet(rtcp.RECEIVER, 1, 7, block) + goodbye, goodbye):
                elsewhere.sendto(data, (media.source[0], media.source[1] + 1))
        report = await ended(call, far)
    assert media.heard().startswith(MESSAGE)
    (summed,) = [one.detail for one in report.trace if one.what == "rtp"]
    assert "far_end" not in summed


async def test_a_port_that_is_none_in_a_via_or_a_contact_ends_no_other_call() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        odd = f"OPTIONS sip:us@{HERE} SIP/2.0\r\nVia: SIP/2.0/UDP {HERE}:99999;branch=z9hG4bKodd\r\n"
        rest = f"From: <sip:a@{HERE}>;tag=1\r\nTo: <sip:us@{HERE}>\r\nCall-ID: odd\r\nCSeq: 1 OPTIONS\r\n\r\n"
        far.say(odd + rest, invite.source)
        far.ask("UPDATE", invite, 1, f"Contact: <sip:far@{HERE}:99999>")
        await far.take("SIP/2.0 200")
        await far.alive(invite.source)
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED
    assert media.heard().startswith(MESSAGE)


async def test_an_answer_goes_to_where_its_request_came_from_whatever_the_via_says() -> None:
    async with carrier() as sip, far_end() as far, far_end(ELSEWHERE) as victim, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        head = f"OPTIONS sip:us@{HERE} SIP/2.0\r\nVia: SIP/2.0/UDP {HERE}:{far.port};"
        rest = f"From: <sip:a@{HERE}>;tag=1\r\nTo: <sip:us@{HERE}>\r\nCall-ID: odd\r\nCSeq: 1 OPTIONS\r\n\r\n"
        far.say(f"{head}branch=z9hG4bKodd;received={ELSEWHERE};rport={victim.port}\r\n{rest}", invite.source)
        await far.take("SIP/2.0 200")
        await ended(call, far)
        assert victim.heard == []


@pytest.mark.parametrize("name", ["Via", "Record-Route", "Contact", "X-Odd"])
async def test_a_flood_of_headers_is_dropped_and_the_call_goes_on(name: str) -> None:
    told = Told()
    async with carrier() as sip, far_end() as far, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), told))
        invite = await far.take("INVITE")
        values = {"Via": "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx", "X-Odd": "a"}
        many = [f"{name}: {values.get(name, '<sip:192.0.2.1;lr>')}"] * 400
        far.answer(invite, 180, *many)
        far.answer(invite, 200, *many, body=description(media.port))
        far.answer(invite, 200, *many[:40], body=description(media.port)) if name == "Via" else None
        await far.alive(invite.source)
        assert not told.answered.is_set()
        far.answer(invite, 200, body=description(media.port))
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED
    assert sip.supervisor.counts["faults"] == 0


async def test_a_digest_that_is_asked_for_without_end_is_given_up() -> None:
    async with carrier() as sip, far_end() as far:
        call = asyncio.create_task(sip.call(dial(trunk(far.port, credentials=CREDENTIALS)), Told()))
        challenge = 'WWW-Authenticate: Digest realm="far.example", nonce="{}", algorithm=MD5, stale=true'
        for place in range(4):
            far.answer(await far.take("INVITE"), 401, challenge.format(place))
        report = await call
    assert (report.outcome, report.cause) == (Outcome.CONGESTION, 401)
    assert far.starts().count("INVITE") == 4


async def test_a_registrar_that_asks_for_a_digest_without_end_is_left_alone() -> None:
    async with carrier(options_every_s=0.0) as sip, far_end() as far:
        await sip.watch([trunk(far.port, credentials=CREDENTIALS, registers=True)])
        challenge = 'WWW-Authenticate: Digest realm="far.example", nonce="{}", algorithm=MD5, stale=true'
        for place in range(3):
            register = await far.take("REGISTER")
            far.answer(register, 401, challenge.format(place))
        await far.alive(register.source)
        assert far.starts().count("REGISTER") == 3


async def test_a_redirection_to_who_is_not_the_trunk_is_shown_no_digest_and_its_ack_goes_to_the_trunk() -> None:
    async with carrier() as sip, far_end() as far, far_end(ELSEWHERE) as other:
        call = asyncio.create_task(sip.call(dial(trunk(far.port, credentials=CREDENTIALS)), Told()))
        invite = await far.take("INVITE")
        user = invite.start.partition("sip:")[2].partition("@")[0]
        far.answer(invite, 302, contact=f"<sip:{user}@{other.place}>")
        await far.take("ACK")
        redirected = await other.take("INVITE")
        other.answer(redirected, 401, 'WWW-Authenticate: Digest realm="far.example", nonce="n", algorithm=MD5')
        await other.take("ACK")
        report = await call
        assert other.starts() == ["INVITE", "ACK"]
    assert (report.outcome, report.cause) == (Outcome.CONGESTION, 401)
    assert not any("authorization" in name for one in other.heard for name, _ in one.headers)


@pytest.mark.parametrize(
    ("own", "uri", "is_followed"),
    [
        ("9.8.7.6", "sip:+33639980100@9.8.7.5", True),
        ("9.8.7.6", "sip:+33639980100@trunk.example:5070", True),
        ("9.8.7.6", "sip:+33639980100@other.example", False),
        ("9.8.7.6", "sip:+33639980199@9.8.7.5", False),  # another number
        ("9.8.7.6", "sip:9.8.7.5", False),
        ("9.8.7.6", "sips:+33639980100@9.8.7.5", False),
        ("9.8.7.6", "sip:+33639980100@9.8.7.5;transport=tcp", False),
        ("9.8.7.6", "sip:+33639980100@10.0.0.1", False),
        ("9.8.7.6", "sip:+33639980100@127.0.0.1", False),
        ("9.8.7.6", "sip:+33639980100@169.254.169.254", False),
        ("9.8.7.6", "sip:+33639980100@224.0.0.1", False),
        ("9.8.7.6", "sip:+33639980100@255.255.255.255", False),
        ("9.8.7.6", "sip:+33639980100@[2a00::1]", False),
        ("10.0.0.1", "sip:+33639980100@10.0.0.2", True),
        ("10.0.0.1", "sip:+33639980100@127.0.0.1", False),
        ("10.0.0.1", "sip:+33639980100@9.8.7.5", True),
        ("2a00::1", "sip:+33639980100@[2a00::2]:5070", True),
        ("2a00::1", "sip:+33639980100@[fe80::2]", False),
        ("2a00::1", "sip:+33639980100@9.8.7.5", False),
    ],
)
def test_a_redirection_leads_to_no_other_number_and_into_no_network_of_ours(
    own: str, uri: str, is_followed: bool
) -> None:
    redirects = Redirects(Peer(1, "trunk.example", 5060, (own,), "u", "p"), "+33639980100", 3)
    lines = [
        "SIP/2.0 302 Moved",
        "Via: SIP/2.0/UDP h",
        "From: <sip:a@h>",
        "To: <sip:b@h>",
        "Call-ID: 1",
        "CSeq: 1 INVITE",
    ]
    response = SipResponse("\r\n".join([*lines, f"Contact: <{uri}>", "", ""]))
    assert (redirects.follow(response) is not None) is is_followed


def key(place: int, pressed: int) -> bytes:
    return HEADER.pack(0x80, 101, place, place * 800, 7) + bytes([pressed, 0x80, 0, 160])


async def heard(media: Tape) -> None:
    """Wait until what was said to a call's media port has been read: that is done more often than a frame is sent."""
    before = len(media.packets)
    await media.wait_for(lambda: len(media.packets) > before + 2)
