"""RFC 4475 at our ports while a call runs: what is valid is answered, the rest refused or dropped, no call harmed."""

from __future__ import annotations

import asyncio
import re

from portevoix.carrier.sip.supervisor import Said as Told
from portevoix.carrier.sip.wire import Counted
from portevoix.domain.call import Outcome
from tests.carrier.sip.far import FarEnd, Said, answered, description, ended, far_end
from tests.carrier.sip.torture import DROPPED, UNHEARD, Torture
from tests.carrier.sip.torture_invalid import INVALID
from tests.carrier.sip.torture_semantics import SEMANTICS
from tests.carrier.sip.torture_valid import VALID
from tests.carrier.sip.trunk import HERE, carrier, dial, tape, trunk
from tests.carrier.sip.trunk import Told as Progress
from tests.parts import PATIENCE_S

MESSAGE = bytes(range(160)) * 150
TORTURE = [*VALID, *INVALID, *SEMANTICS]
RESPONSES = {one.name.split()[1]: one for one in TORTURE if one.text.startswith("SIP/")}


async def answer_to(far: FarEnd, data: bytes, to: tuple[str, int]) -> str:
    """Say something; returns the code that it was answered with, empty for none."""
    before = len(far.heard)
    far.say(data, to)
    await far.alive(to)
    fresh = [one for one in far.heard[before:] if one not in far.heard[:before]]  # not what one before is told again
    codes = {one.start.split()[1] for one in fresh if "alive" not in one.one("call-id")}
    return ",".join(sorted(codes))


async def test_every_message_is_answered_refused_or_dropped_and_the_call_hears_nothing_of_it() -> None:
    assert len(TORTURE) == 49  # as many as the RFC has
    async with carrier() as sip, far_end() as far, far_end() as other, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        got = {one.name: await answer_to(other, one.data(other.place), invite.source) for one in TORTURE}
        report = await ended(call, far)
    assert got == {one.name: "" if one.then in (DROPPED, UNHEARD) else one.then for one in TORTURE}
    assert report.outcome is Outcome.ANSWERED
    assert media.heard().startswith(MESSAGE)
    assert sip.supervisor.counts["faults"] == sip.supervisor.counts["restarts"] == 0


async def test_what_cannot_be_understood_is_counted() -> None:
    counted = asyncio.Event()

    def said(told: Told) -> None:
        if isinstance(told, Counted):
            counted.set()

    malformed = [one for one in TORTURE if one.then in (DROPPED, "400", "420", "505")]
    async with carrier() as sip, far_end() as other:
        sip.supervisor._on_said = said
        await sip.watch([trunk(other.port)])
        await other.take("OPTIONS")  # it is no stranger any more
        for one in malformed:
            await answer_to(other, one.data(other.place), (HERE, sip.supervisor.ports[0]))
        async with asyncio.timeout(PATIENCE_S):
            while sip.supervisor.counts["malformed"] < len(malformed):
                counted.clear()
                await counted.wait()
    assert sip.supervisor.counts["malformed"] == len(malformed)
    assert sip.supervisor.counts["faults"] == 0


def within(one: Torture, far: FarEnd, invite: Said, number: int) -> bytes:
    """Write a message as one of a call's dialog, as far as it can be."""
    text = one.data(far.place).decode("latin-1")
    ours, theirs = invite.one("from"), f"{invite.one('to')};tag=far"
    for names, value in (("call-id|i", invite.one("call-id")), ("to|t", ours), ("from|f", theirs)):
        text = re.sub(rf"(?im)^(?:{names})\s*:.*(?:\r\n[ \t].*)*", f"{names.split('|')[0]}: {value}\r", text, count=1)
    return re.sub(r"(?im)^(cseq\s*:\s*)\d+", rf"\g<1>{number}", text.replace("\r\r", "\r"), count=1).encode("latin-1")


async def test_every_message_within_a_calls_dialog_leaves_the_call_alive() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call, invite = await answered(sip, far, media, MESSAGE)
        for number, one in enumerate(TORTURE, start=1):
            await answer_to(far, within(one, far, invite, number), invite.source)
            assert not call.done(), one.name
        far.ask("INVITE", invite, 100, body=description(media.port))  # where media go may have changed by one of them
        before = len(media.packets)
        await media.wait_for(lambda: len(media.packets) > before)
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED
    assert sip.supervisor.counts["faults"] == sip.supervisor.counts["restarts"] == 0


async def test_odd_responses_to_a_calls_invite_are_taken_where_they_are_valid() -> None:
    progress = Progress()
    async with carrier() as sip, far_end() as far, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE[:1_600]), progress))
        invite = await far.take("INVITE")

        def say(name: str) -> None:
            text = RESPONSES[name].data(far.place).decode("latin-1")
            for header in ("Via", "From", "Call-ID", "CSeq"):
                text = re.sub(rf"(?m)^{header}:.*", f"{header}: {invite.one(header)}\r", text, count=1)
            text = re.sub(r"(?m)^To:.*", f"To: {invite.one('to')};tag=far\r", text).replace("\r\r", "\r")
            text = re.sub(r"(?m)^Contact:.*", f"Contact: <sip:{far.place}>\r", text)
            for old, new in (("192.0.2.4", HERE), ("49217", str(media.port)), ("RTP/AVP 0 12", "RTP/AVP 8")):
                text = text.replace(old, new)
            head, _, body = text.partition("\r\n\r\n")
            head = re.sub(r"Content-Length: \d+", f"Content-Length: {len(body)}", head)
            far.say(f"{head}\r\n\r\n{body}".encode("latin-1"), invite.source)

        say("noreason")
        for name in ("bigcode", "bcast"):
            say(name)
            await far.alive(invite.source)
            assert not call.done()
            assert not progress.answered.is_set(), name
        say("unreason")
        await far.take("ACK")
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED
    assert media.heard().startswith(MESSAGE[:1_600])
