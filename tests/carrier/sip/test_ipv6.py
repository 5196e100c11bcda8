"""Calls over IPv6, from INVITE to the last report."""

from __future__ import annotations

import asyncio
import random
import socket
from contextlib import suppress

import pytest

from portevoix.carrier.sip import rtcp
from portevoix.carrier.sip.stream import Ports
from portevoix.domain.call import Outcome
from portevoix.domain.trunk import Server
from tests.carrier.sip.far import description, ended, far_end
from tests.carrier.sip.trunk import Told, carrier, dial, free_udp_port, tape, trunk

SIX = "::1"
MESSAGE = random.Random(6).randbytes(160 * 60)


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((SIX, 0))
        except OSError:
            return False
    return True


pytestmark = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize(("bind", "public"), [(SIX, None), ("::", SIX)])
async def test_a_call_over_ipv6_is_heard_bit_by_bit(bind: str, public: str | None) -> None:
    first = 20_000 + free_udp_port() % 200 * 200
    media_socket, reports = Ports(SIX, first, first + 199).take()
    with reports:
        async with (
            carrier(bind=bind, public=public) as sip,
            far_end(SIX) as far,
            tape(media_socket) as media,
        ):
            over = trunk(far.port, server=Server(SIX, far.port))
            call = asyncio.create_task(sip.call(dial(over, MESSAGE), Told()))
            invite = await far.take("INVITE")
            far.answer(invite, 180)
            far.answer(invite, 200, body=description(media.port, host=SIX))
            ack = await far.take("ACK")
            await media.wait_for(lambda: len(media.packets) > 1)
            assert media.source is not None
            ssrc = media.packets[0].ssrc
            block = b"".join(part.to_bytes(4, "big") for part in (ssrc, 3, 1, 80, 0, 0))
            reports.sendto(rtcp._packet(rtcp.RECEIVER, 1, 7, block), (SIX, media.source[1] + 1))
            report = await ended(call, far)
        kinds = _kinds(_last(reports))
    assert report.outcome is Outcome.ANSWERED
    assert media.heard().startswith(MESSAGE)
    assert ack.start == f"ACK sip:[{SIX}]:{far.port} SIP/2.0"
    for line in ("o=- ", "c="):
        assert any(one.startswith(line) and one.endswith(f"IN IP6 {SIX}") for one in invite.body.split("\r\n"))
    assert all(f"[{SIX}]" in invite.one(name) for name in ("via", "contact", "from", "to"))
    assert kinds == [rtcp.SENDER, rtcp.DESCRIPTION, rtcp.GOODBYE]
    assert "far_end_lost=3" in next(one.detail for one in report.trace if one.what == "rtp")


def _last(reports: socket.socket) -> bytes:
    data = reports.recv(2_048)
    with suppress(BlockingIOError):
        while True:
            data = reports.recv(2_048)
    return data


def _kinds(data: bytes) -> list[int]:
    kinds = []
    while data:
        kinds.append(data[1])
        data = data[4 * (int.from_bytes(data[2:4], "big") + 1) :]
    return kinds


async def test_a_call_over_ipv6_whose_media_are_said_to_go_over_ipv4_is_ended() -> None:
    async with carrier(bind=SIX) as sip, far_end(SIX) as far, tape() as media:
        over = trunk(far.port, server=Server(SIX, far.port))
        call = asyncio.create_task(sip.call(dial(over, MESSAGE), Told()))
        far.answer(await far.take("INVITE"), 200, body=description(media.port))
        report = await ended(call, far)
        assert media.packets == []
    assert report.outcome is Outcome.CONGESTION
    assert [one.what for one in report.trace] == ["no_media"]


async def test_a_trunk_of_the_other_version_has_no_address() -> None:
    async with carrier() as sip:
        report = await sip.call(dial(trunk(9, server=Server(SIX, 9))), Told())
    assert [one.what for one in report.trace] == ["no_address"]
