"""Every call ends, and is reported, whatever a far end says."""

from __future__ import annotations

import asyncio

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
