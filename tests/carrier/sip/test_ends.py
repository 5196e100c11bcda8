"""Every call ends, and is reported, whatever a far end says."""

from __future__ import annotations

import asyncio

import pytest

from portevoix.domain.call import Outcome
from tests.carrier.sip.far import answered, description, ended, far_end
from tests.carrier.sip.trunk import Told, carrier, dial, tape, trunk

MESSAGE = bytes(range(160)) * 10
LONG = MESSAGE * 300


async def test_a_call_ends_whose_far_end_hears_at_the_last_port_of_all() -> None:
    async with carrier() as sip, far_end() as far:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        far.answer(invite, 200, body=description(65_535))  # there is no port for its RTCP
        await far.take("ACK")
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED


async def test_a_call_whose_far_end_hears_at_the_last_port_keeps_no_other_from_its_bye_when_the_node_ends() -> None:
    async with far_end() as odd, far_end() as far, tape() as media:
        async with carrier() as sip:
            first = asyncio.create_task(sip.call(dial(trunk(odd.port), LONG), Told()))
            odd.answer(await odd.take("INVITE"), 200, body=description(65_535))
            await odd.take("ACK")
            second, _ = await answered(sip, far, media, LONG)
        await far.take("BYE")
        await odd.take("BYE")
        assert {(await one).outcome for one in (first, second)} == {Outcome.LOST}


@pytest.mark.parametrize("header", ["Contact: <sip:b@192.0.2.1;foo bar>", "Record-Route: <sip:127.0.0.1;lr;foo bar>"])
async def test_an_answer_whose_way_back_cannot_be_written_is_acknowledged_and_ended_all_the_same(header: str) -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        name, _, value = header.partition(": ")
        contact = value if name == "Contact" else ""
        far.answer(invite, 200, *([] if contact else [header]), contact=contact, body=description(media.port))
        await far.take("ACK")
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED
    assert media.heard().startswith(MESSAGE)


async def test_a_call_ends_whose_far_end_moves_to_where_nothing_can_be_written_to() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE * 5)
        plain = f"Contact: <sip:{far.place}>"
        asked = far.ask("UPDATE", invite, 1).replace("CSeq: 1 ", "CSeq: 2 ").replace("z9hG4bK", "z9hG4bKx")
        far.say(asked.replace(plain, "Contact: <sip:b@192.0.2.1;foo bar>"), invite.source)
        for _ in range(2):
            await far.take("SIP/2.0 200")
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED


async def test_a_phone_that_rang_is_not_rung_again_elsewhere() -> None:
    async with carrier() as sip, far_end() as far:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        far.answer(invite, 180)
        user = invite.start.split()[1].partition("@")[0]
        far.answer(invite, 302, contact=f"<{user}@{far.place}>")
        await far.take("ACK")
        report = await call
    assert far.starts() == ["INVITE", "ACK"]
    assert (report.outcome, report.cause) == (Outcome.CONGESTION, 302)
    assert report.ringing_at is not None


async def test_a_bye_before_the_answer_stops_the_other_phones_too() -> None:
    async with carrier() as sip, far_end() as far:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        far.answer(invite, 180)
        far.ask("BYE", invite, 1)
        cancel = await far.take("CANCEL")
        far.answer(cancel, 200)
        far.answer(invite, 487)
        await far.take("ACK")
        report = await call
    assert report.outcome is Outcome.UNREACHABLE
    assert cancel.number == invite.number
