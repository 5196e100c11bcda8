"""What a far end asks in a call, by the letter of the RFCs: refusals, glare, wrong numbers, and what comes again."""

from __future__ import annotations

import asyncio

import pytest

from portevoix.audio.g711 import alaw_to_ulaw
from portevoix.domain.call import Outcome
from tests.carrier.sip.far import FarEnd, Said, answered, description, ended, far_end
from tests.carrier.sip.trunk import Told, carrier, dial, tape, trunk

MESSAGE = bytes(range(160)) * 60


async def refused(far: FarEnd, method: str, invite: Said, number: int, *headers: str, body: str = "") -> Said:
    """Ask something that is refused; returns the answer, acknowledged where that is due."""
    before = len(far.heard)
    text = far.ask(method, invite, number, *headers, body=body)
    await far.take("SIP/2.0")
    (answer,) = far.heard[before:] if method != "INVITE" else [far.heard[before]]
    if method == "INVITE":
        ack = text.replace("INVITE sip", "ACK sip", 1).replace(f"CSeq: {number} INVITE", f"CSeq: {number} ACK")
        to = f"To: {invite.one('from')}"
        far.say(ack.replace(to, f"To: {answer.one('to')}").partition("Content-")[0] + "\r\n", invite.source)
    return answer


async def test_what_is_refused_in_a_dialog_is_refused_properly_and_the_call_goes_on() -> None:
    sdp = "Content-Type: application/sdp"
    asked: list[tuple[str, tuple[str, ...], str, int, str, str]] = [
        ("REFER", ("Refer-To: <sip:someone@192.0.2.1>",), "", 603, "allow", "INVITE, ACK"),
        ("MESSAGE", ("Content-Type: text/plain",), "hello", 405, "allow", "INVITE, ACK"),
        ("SUBSCRIBE", ("Event: dialog",), "", 405, "allow", "INVITE, ACK"),
        ("PRACK", ("RAck: 1 1 INVITE",), "", 405, "allow", "INVITE, ACK"),
        ("NONSENSE", (), "", 501, "allow", "INVITE, ACK"),
        ("UPDATE", ("Require: precondition",), description(9), 420, "unsupported", "precondition"),
        ("UPDATE", ("Session-Expires: 30",), "", 422, "min-se", "90"),
        ("INVITE", ("Session-Expires: 30;refresher=uac",), description(9), 422, "min-se", "90"),
        ("UPDATE", ("Content-Type: text/plain",), "hello", 415, "accept", "application/sdp"),
        ("UPDATE", (sdp,), "v=0\r\nm=audio 9 RTP/SAVP 8\r\n", 488, "allow", "INVITE, ACK"),
        ("INVITE", (sdp,), "nonsense", 488, "allow", "INVITE, ACK"),
    ]
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        for number, (method, headers, body, code, name, value) in enumerate(asked, start=1):
            answer = await refused(far, method, invite, number, *headers, body=body)
            assert answer.start.split()[1] == str(code), (method, headers)
            assert answer.one(name).startswith(value), (method, headers)
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED
    assert media.heard().startswith(MESSAGE)


async def test_options_tell_what_we_take_in_a_call_and_outside_of_one() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        await far.alive(invite.source)
        outside = far.heard[-1]
        far.ask("MESSAGE", invite, 1, ours="<sip:us@127.0.0.1>")
        unknown = await far.take("SIP/2.0 405")
        await ended(call, far)
    assert "UPDATE" in outside.one("allow")
    assert (outside.one("accept"), outside.one("supported")) == ("application/sdp", "timer, 100rel")
    assert "UPDATE" in unknown.one("allow")


async def test_a_key_by_info_is_a_key_and_any_other_info_is_none() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        for number, body in enumerate(("Signal=4\r\nDuration=160\r\n", "#", "Signal=44\r\n", ""), start=1):
            far.ask("INFO", invite, number, "Content-Type: application/dtmf-relay", body=body)
            await far.take("SIP/2.0 200")
        report = await ended(call, far)
    assert report.keys == "4#"


async def test_a_bye_with_an_old_number_is_refused_and_the_next_one_ends_the_call_however_often_it_comes() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        far.ask("OPTIONS", invite, 20)
        await far.take("SIP/2.0 200")
        for number in (20, 3):
            far.ask("BYE", invite, number)
            await far.take("SIP/2.0 500")  # (RFC 3261, 12.2.2)
        assert not call.done()
        bye = far.ask("BYE", invite, 21)
        await far.take("SIP/2.0 200")
        report = await call
        assert [one.what for one in report.trace if one.what == "far_end_hung_up"] == ["far_end_hung_up"]
        far.say(bye, invite.source)
        assert (await far.take("SIP/2.0 200")).one("cseq") == "21 BYE"


async def test_a_re_invite_that_crosses_our_refresh_waits_and_so_does_ours() -> None:
    headers = ("Session-Expires: 2;refresher=uac", "Require: timer", "Allow: INVITE, ACK, BYE")
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE * 8, *headers)
        ours = await far.take("INVITE")
        assert (await refused(far, "INVITE", invite, 1, body=description(media.port))).start.split()[1] == "491"
        assert (await refused(far, "UPDATE", invite, 2, body=description(media.port))).start.split()[1] == "491"
        far.ask("UPDATE", invite, 3)  # without an offer it crosses nothing
        await far.take("SIP/2.0 200")
        far.answer(ours, 491)
        ack = await far.take("ACK")
        assert (ack.one("via"), ack.number) == (ours.one("via"), ours.number)
        again = await far.take("INVITE")
        far.answer(again, 200, *headers, body=description(media.port))
        assert (await far.take("ACK")).number == again.number == ours.number + 1
        far.ask("BYE", invite, 4)
        report = await call
    assert "session_expired" not in [one.what for one in report.trace]


async def test_an_update_of_ours_crosses_nothing() -> None:
    headers = ("Session-Expires: 2;refresher=uac", "Require: timer", "Allow: INVITE, ACK, BYE, UPDATE")
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE * 8, *headers)
        ours = await far.take("UPDATE")
        far.ask("UPDATE", invite, 1, body=description(media.port))
        await far.take("SIP/2.0 200")
        far.answer(ours, 200, *headers)
        far.ask("BYE", invite, 2)
        assert (await call).outcome is Outcome.ANSWERED


async def test_a_re_invite_without_a_description_is_answered_by_an_offer_and_sent_again_until_it_is_acknowledged() -> (
    None
):
    async with carrier() as sip, far_end() as far, tape() as media, tape() as second:
        call, invite = await answered(sip, far, media, MESSAGE)
        far.ask("INVITE", invite, 1)
        offer = await far.take("SIP/2.0 200")
        again = await far.take("SIP/2.0 200")  # nobody has acknowledged it
        assert again == offer
        assert "a=rtpmap:8 PCMA" in offer.body
        far.ask("ACK", invite, 1, body=description(second.port))
        await second.wait_for(lambda: len(second.packets) > 0)
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED


async def test_what_was_given_up_is_not_sent_again_and_cancelled_once_a_provisional_response_comes() -> None:
    async with carrier(trying_timeout_s=0.7) as sip, far_end() as far, tape() as silent:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        report = await call
        known = len(far.heard)
        before = len(far.sent_again)
        for _ in range(2):  # as long as it takes to send an INVITE three times
            await sip.call(dial(trunk(silent.port), MESSAGE), Told())
        assert far.starts(known) == []
        assert len(far.sent_again) == before
        assert "CANCEL" not in far.starts()
        far.answer(invite, 100)
        cancel = await far.take("CANCEL")
        far.answer(cancel, 200)
        far.answer(invite, 487)
        await far.take("ACK")
    assert report.outcome is Outcome.CONGESTION
    assert (cancel.number, cancel.one("via")) == (invite.number, invite.one("via"))
    assert far.starts(known) == ["CANCEL", "ACK"]


@pytest.mark.parametrize("provisional", [100, 180])
async def test_an_answer_long_after_the_cancel_is_ended_at_once_and_not_billed(provisional: int) -> None:
    told = Told()
    async with carrier(ring_timeout_s=0.4, options_every_s=0.0) as sip, far_end() as far, tape() as media:
        await sip.watch([trunk(far.port)])
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), told))
        invite = await far.take("INVITE")
        far.answer(invite, provisional)
        far.answer(await far.take("CANCEL"), 481)
        report = await call
        far.answer(invite, 180)
        far.answer(invite, 200, body=description(media.port))
        ack, bye = await far.take("ACK"), await far.take("BYE")
        far.answer(bye, 200)
        far.answer(invite, 200, body=description(media.port))
        assert (await far.take("ACK")).number == ack.number
        assert media.packets == []
    assert report.outcome is Outcome.NO_ANSWER
    assert (report.answered_at, told.answered.is_set()) == (None, False)
    assert far.starts().count("BYE") == 1


async def test_provisional_responses_after_the_answer_change_nothing() -> None:
    told = Told()
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE, told=told)
        for code in (100, 180, 183):
            far.answer(invite, code, body=description(9) if code == 183 else "")
        far.answer(invite, 180, "Require: 100rel", "RSeq: 1")
        await far.alive(invite.source)
        report = await ended(call, far)
    assert (report.ringing_at, told.rang.is_set()) == (None, False)
    assert [one.what for one in report.trace if one.what == "early_media"] == []
    assert "PRACK" not in far.starts()
    assert media.heard().startswith(MESSAGE)


async def test_a_message_goes_on_in_the_codec_that_the_far_end_asks_for_in_mid_message() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        await media.wait_for(lambda: len(media.packets) > 5)
        far.ask("UPDATE", invite, 1, body=description(media.port, payloads="0 101"))
        await far.take("SIP/2.0 200")
        report = await ended(call, far)
    before, after = media.heard(), media.heard(payload_type=0)
    assert report.outcome is Outcome.ANSWERED
    assert MESSAGE.startswith(before)
    assert after.startswith(alaw_to_ulaw(MESSAGE)[len(before) :])


async def test_the_codec_stays_where_an_answer_to_our_offer_still_takes_it() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        far.ask("INVITE", invite, 1)
        await far.take("SIP/2.0 200")
        far.ask("ACK", invite, 1, body=description(media.port, payloads="0 8 101"))
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED
    assert media.heard().startswith(MESSAGE)
    assert media.heard(payload_type=0) == b""
