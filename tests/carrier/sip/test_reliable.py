"""Provisional responses that ask for PRACK (RFC 3262), and early dialogs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from portevoix.domain.call import Outcome
from portevoix.domain.trunk import Credentials
from tests.carrier.sip.far import FarEnd, Said, description, ended, far_end
from tests.carrier.sip.trunk import CREDENTIALS, Told, carrier, dial, needs_sipp, sipp, tape, trunk

MESSAGE = bytes(range(160)) * 20


def reliably(number: int) -> tuple[str, str]:
    return "Require: 100rel", f"RSeq: {number}"


async def rings(far: FarEnd, invite: Said, number: int, tag: str = "far", body: str = "") -> Said:
    """Ring reliably; returns the PRACK, which is answered."""
    far.answer(invite, 183 if body else 180, *reliably(number), tag=tag, body=body)
    prack = await far.take("PRACK")
    far.answer(prack, 200)
    return prack


@needs_sipp
async def test_a_gateway_that_demands_prack_gets_it(tmp_path: Path) -> None:
    async with carrier() as sip, tape() as far, sipp("reliable", tmp_path, media=far.port) as peer:
        report = await sip.call(dial(trunk(peer.port), MESSAGE), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert far.heard().startswith(MESSAGE)


async def test_a_prack_is_of_its_early_dialog_and_the_answers_dialog_counts_on() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        first = await rings(far, invite, 7)
        second = await rings(far, invite, 8, body=description(media.port))
        other = await rings(far, invite, 90, tag="other")
        far.answer(invite, 200)  # its description came with the 183
        ack = await far.take("ACK")
        report = await ended(call, far)
    number = invite.number
    assert "100rel" in invite.one("supported")
    assert [one.one("rack") for one in (first, second, other)] == [f"{n} {number} INVITE" for n in (7, 8, 90)]
    assert [one.one("to")[-6:] for one in (first, second, other)] == ["ag=far", "ag=far", "=other"]
    assert [one.number for one in (first, second, other)] == [number + 1, number + 2, number + 1]
    assert ack.number == number
    assert far.heard[-1].number == number + 3  # BYE, contiguous in its dialog (12.2.1.1)
    assert report.outcome is Outcome.ANSWERED
    assert media.heard().startswith(MESSAGE)


async def test_a_response_that_comes_again_or_has_overtaken_another_is_not_acknowledged() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        await rings(far, invite, 7)
        far.answer(invite, 180, *reliably(7), "X-Hop: 1")
        far.answer(invite, 180, *reliably(9))
        far.answer(invite, 180, "Require: 100rel", "RSeq: x")
        far.answer(invite, 180, "Require: 100rel")
        far.answer(invite, 100, *reliably(1))
        await far.alive(invite.source)
        far.answer(invite, 200, body=description(media.port))
        await ended(call, far)
    assert far.starts().count("PRACK") == 1


async def test_a_phone_on_another_machine_is_heard_when_it_answers_a_prack() -> None:
    async with carrier() as sip, far_end() as far, far_end("127.0.0.9") as gateway, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE * 5), Told()))
        invite = await far.take("INVITE")
        far.answer(invite, 180, *reliably(1), contact=f"<sip:{gateway.place}>")
        gateway.answer(await gateway.take("PRACK"), 200)
        far.answer(invite, 200, body=description(media.port))
        await ended(call, far)  # in more than the half of a second after which it would come again
        assert gateway.sent_again == []


async def test_an_overtaking_ringing_is_not_heeded() -> None:
    told = Told()
    async with carrier() as sip, far_end() as far:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), told))
        invite = await far.take("INVITE")
        far.answer(invite, 199, *reliably(7))
        far.answer(await far.take("PRACK"), 200)
        far.answer(invite, 180, *reliably(9))
        await far.alive(invite.source)
        far.answer(invite, 486)
        report = await call
    assert report.ringing_at is None
    assert told.said == []


async def test_a_prack_that_is_challenged_is_sent_again_with_a_digest() -> None:
    wrong = Credentials(CREDENTIALS.username, CREDENTIALS.password)
    async with carrier() as sip, far_end() as far, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port, credentials=wrong), MESSAGE), Told()))
        invite = await far.take("INVITE")
        far.answer(invite, 180, *reliably(1))
        first = await far.take("PRACK")
        far.answer(first, 407, 'Proxy-Authenticate: Digest realm="far.example", nonce="n", algorithm=MD5')
        second = await far.take("PRACK")
        far.answer(second, 407, 'Proxy-Authenticate: Digest realm="far.example", nonce="m", algorithm=MD5')
        await far.alive(invite.source)
        far.answer(invite, 200, body=description(media.port))
        report = await ended(call, far)
    assert second.one("proxy-authorization").startswith("Digest ")
    assert second.one("rack") == first.one("rack")
    assert far.starts().count("PRACK") == 2
    assert report.outcome is Outcome.ANSWERED


async def test_a_prack_that_is_refused_harms_no_call() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        far.answer(invite, 180, *reliably(1))
        far.answer(await far.take("PRACK"), 481)
        far.answer(invite, 200, body=description(media.port))
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED


async def test_a_call_that_rings_reliably_is_cancelled_as_any_other() -> None:
    async with carrier(ring_timeout_s=0.4) as sip, far_end() as far:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        await rings(far, invite, 1)
        cancel = await far.take("CANCEL")
        far.answer(cancel, 200)
        far.answer(invite, 487)
        ack = await far.take("ACK")
        report = await call
    assert report.outcome is Outcome.NO_ANSWER
    assert {one.number for one in (cancel, ack)} == {invite.number}
    assert cancel.one("via") == invite.one("via")


async def test_an_update_before_the_answer_is_agreed_to_and_nothing_is_sent_before_it() -> None:
    async with carrier() as sip, far_end() as far, tape() as first, tape() as second:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        far.answer(invite, 180)
        far.ask("UPDATE", invite, 1, body=description(second.port))  # our offer has no answer yet (RFC 3311, 5.2)
        await far.take("SIP/2.0 491")
        await rings(far, invite, 1, body=description(first.port))
        far.ask("INVITE", invite, 2, body=description(second.port))
        await far.take("SIP/2.0 491")
        far.ask("UPDATE", invite, 3, body=description(second.port))
        agreed = await far.take("SIP/2.0 200")
        for _ in range(3):
            await far.alive(invite.source)
        assert first.packets == second.packets == []
        far.answer(invite, 200)
        report = await ended(call, far)
        assert first.packets == []
    assert "m=audio" in agreed.body
    assert report.outcome is Outcome.ANSWERED
    assert second.heard().startswith(MESSAGE)
