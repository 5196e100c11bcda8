"""Two phones that answer one INVITE (RFC 3261, 13.2.2.4), and answers that come again, or late."""

from __future__ import annotations

import asyncio
from pathlib import Path

from portevoix.domain.call import Outcome
from tests.carrier.sip.far import answered, description, ended, far_end
from tests.carrier.sip.trunk import CREDENTIALS, Told, carrier, dial, needs_sipp, sipp, tape, trunk

MESSAGE = bytes(range(160)) * 30


async def test_each_phone_counts_its_requests_for_itself() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE * 30), Told()))
        invite = await far.take("INVITE")
        for tag, number in (("one", 20), ("other", 3)):
            far.answer(invite, 180, tag=tag)
            far.ask("UPDATE", invite, number, tag=tag)
            await far.take("SIP/2.0 200")
        far.answer(invite, 200, tag="other", body=description(media.port))
        await far.take("ACK")
        far.ask("BYE", invite, 3, tag="other")
        await far.take("SIP/2.0 500")  # its own number counts on after the answer (RFC 3261, 12.2.2)
        far.ask("BYE", invite, 4, tag="other")
        await far.take("SIP/2.0 200")
        report = await call
    assert "far_end_hung_up" in [one.what for one in report.trace]


async def test_a_second_fork_on_another_machine_is_heard_when_it_answers_our_bye() -> None:
    async with carrier() as sip, far_end() as far, far_end("127.0.0.9") as gateway, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE * 3)
        far.answer(invite, 200, tag="other", contact=f"<sip:{gateway.place}>", body=description(media.port))
        await gateway.take("ACK")
        gateway.answer(await gateway.take("BYE"), 200)
        await ended(call, far)  # in more than the half of a second after which it would come again
        assert gateway.sent_again == []


@needs_sipp
async def test_a_second_fork_that_answers_is_hung_up_on_and_the_first_hears_the_message(tmp_path: Path) -> None:
    async with carrier() as sip, tape() as far, sipp("forks", tmp_path, media=far.port) as peer:
        report = await sip.call(dial(trunk(peer.port), MESSAGE), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert far.heard().startswith(MESSAGE)


async def test_the_answer_of_a_fork_is_told_once_and_its_bye_is_within_its_own_dialog() -> None:
    told = Told()
    async with carrier() as sip, far_end() as far, tape() as media, tape() as second:
        call, invite = await answered(sip, far, media, MESSAGE, told=told)
        far.answer(invite, 200, tag="other", body=description(second.port))
        ack, bye = await far.take("ACK"), await far.take("BYE")
        far.answer(bye, 200)
        report = await ended(call, far)
        assert second.packets == []
    assert ack.one("to").endswith(";tag=other")
    assert bye.one("to").endswith(";tag=other")
    assert (ack.number, bye.number) == (invite.number, invite.number + 1)
    assert far.heard[-1].number == invite.number + 1  # the first dialog counts for itself
    assert report.outcome is Outcome.ANSWERED
    assert len([one for one in told.said if one.answered_at is not None]) == 1
    assert media.heard().startswith(MESSAGE)


async def test_every_2xx_that_comes_again_is_acknowledged_again_also_when_its_bytes_differ() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        acks = []
        for place in range(5):
            far.answer(invite, 200, f"X-Hop: {place}", body=description(media.port))
            ack = await far.take("ACK")
            assert (ack.number, ack.one("to")) == (invite.number, f"{invite.one('to')};tag=far")
            acks.append(ack)
        assert len({ack.one("via") for ack in acks}) == 1, "the same ACK again (13.2.2.4)"
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED
    assert far.starts().count("BYE") == 1
    assert media.heard().startswith(MESSAGE)


async def test_the_ack_of_an_answer_bears_the_credentials_of_its_invite() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port, credentials=CREDENTIALS), MESSAGE), Told()))
        first = await far.take("INVITE")
        far.answer(first, 401, 'WWW-Authenticate: Digest realm="far.example", nonce="n", algorithm=MD5')
        invite = await far.take("INVITE")
        far.answer(invite, 200, body=description(media.port))
        ack = await far.take("ACK")
        await ended(call, far)
    assert ack.one("authorization") == invite.one("authorization")  # (22.1)


async def test_a_fork_that_answers_after_a_refusal_is_hung_up_on_and_changes_nothing() -> None:
    async with carrier(options_every_s=0.0) as sip, far_end() as far, tape() as media:
        await sip.watch([trunk(far.port)])
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        far.answer(invite, 486)
        refused = await far.take("ACK")
        report = await call
        far.answer(invite, 200, tag="other", body=description(media.port))
        ack, bye = await far.take("ACK"), await far.take("BYE")
        far.answer(bye, 200)
    assert report.outcome is Outcome.BUSY
    assert refused.one("via") == invite.one("via")  # (17.1.1.3)
    assert refused.start.split()[1] == invite.start.split()[1]
    assert ack.one("to").endswith(";tag=other")
    assert media.packets == []


async def test_a_refusal_that_comes_again_is_acknowledged_again() -> None:
    async with carrier(options_every_s=0.0) as sip, far_end() as far:
        await sip.watch([trunk(far.port)])
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        for place in range(3):
            far.answer(invite, 486, f"X-Hop: {place}")
            assert (await far.take("ACK")).one("to").endswith(";tag=far")
        assert (await call).outcome is Outcome.BUSY


async def test_a_storm_of_answers_harms_neither_the_call_nor_others() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE * 300)
        for place in range(300):
            far.answer(invite, (180, 183, 200, 486, 503)[place % 5], tag=f"fork{place}", body=description(media.port))
            if place % 20 == 0:
                await far.alive(invite.source)  # a socket holds so many, and loses the rest
        await far.alive(invite.source)
        for bye in [one for one in far.heard if one.start.startswith("BYE") and "fork" in one.one("to")]:
            far.answer(bye, 200)
        assert not call.done()
        far.ask("BYE", invite, 1)
        report = await call
    assert report.outcome is Outcome.ANSWERED
    assert "far_end_hung_up" in [one.what for one in report.trace]
    assert (MESSAGE * 300).startswith(media.heard())
    assert len({one.one("to") for one in far.heard if one.start.startswith("BYE")}) <= 16
    assert sip.supervisor.counts["faults"] == 0
