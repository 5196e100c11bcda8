"""Calls through a real Asterisk to a real SIP peer: every end that a call can have."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portevoix.domain.call import Answerer, Outcome
from portevoix.domain.trunk import CallerId, Credentials, Server
from tests.carrier.asterisk.pbx import Pbx, asterisk, needs_asterisk
from tests.carrier.sip.trunk import Told, free_udp_port, sipp, tape
from tests.parts import PATIENCE_S, free_port

pytestmark = needs_asterisk


@pytest.fixture
async def pbx() -> AsyncIterator[Pbx]:
    async with asterisk() as made:
        yield made


def speech(frames: int) -> bytes:
    """Make bytes that no other frames equal."""
    return random.Random(711).randbytes(160 * frames)


async def test_the_far_end_hears_the_stored_bytes_bit_by_bit(pbx: Pbx, tmp_path: Path) -> None:
    message, told = speech(100), Told()
    async with pbx.carrier() as carrier, tape() as far, sipp("answer", tmp_path, media=far.port) as peer:
        report = await carrier.call(pbx.dial(peer.port, message), told)
        assert await peer.done() == ""
        await pbx.is_quiet()
    assert (report.outcome, report.answerer, report.cause) == (Outcome.ANSWERED, Answerer.UNKNOWN, None)
    assert message in far.heard()
    assert report.ringing_at is not None
    assert report.answered_at is not None
    assert report.ringing_at <= report.answered_at < report.ended_at
    assert [one.answered_at for one in told.said] == [None, report.answered_at]
    assert list((pbx.here / "sounds").iterdir()) == []


@pytest.mark.parametrize(
    ("scenario", "outcome", "cause"),
    [
        ("busy", Outcome.BUSY, 486),
        ("declined", Outcome.DECLINED, 603),
        ("not_found", Outcome.INVALID_NUMBER, 404),
        ("unavailable", Outcome.CONGESTION, 503),
        ("switched_off", Outcome.CONGESTION, 503),  # Asterisk does not look at the Reason of a refusal
        ("no_codec", Outcome.CONGESTION, 488),
        ("proxy_refuses", Outcome.CONGESTION, 407),  # not 21, declined, as Asterisk has it
    ],
)
async def test_a_refusal_ends_as_what_it_means(
    pbx: Pbx, tmp_path: Path, scenario: str, outcome: Outcome, cause: int
) -> None:
    async with pbx.carrier() as carrier, sipp(scenario, tmp_path) as peer:
        report = await carrier.call(pbx.dial(peer.port), Told())
        await pbx.is_quiet()
    assert (report.outcome, report.cause, report.answered_at) == (outcome, cause, None)


async def test_a_trunk_is_the_endpoint_of_its_name_and_its_digest_is_asterisks_affair(pbx: Pbx, tmp_path: Path) -> None:
    async with pbx.carrier() as carrier, sipp("auth", tmp_path, port=pbx.far) as peer:
        report = await carrier.call(pbx.dial(pbx.far, template="*88{national}; X-Deposit: yes"), Told())
        invite = peer.messages()
    assert report.outcome is Outcome.ANSWERED
    assert "INVITE sip:*880639980100@127.0.0.1" in invite
    assert "X-Deposit: yes" in invite
    assert "P-Asserted-Identity: <sip:+33199000100@" in invite


async def test_a_trunk_without_a_caller_calls_anonymously(pbx: Pbx, tmp_path: Path) -> None:
    async with pbx.carrier() as carrier, sipp("busy", tmp_path) as peer:
        await carrier.call(pbx.dial(peer.port, over=pbx.trunk(caller_id=CallerId())), Told())
        invite = peer.messages()
    assert 'From: "Anonymous" <sip:anonymous@anonymous.invalid>' in invite


async def test_a_phone_that_nobody_answers_is_given_up(pbx: Pbx, tmp_path: Path) -> None:
    async with pbx.carrier(ring_timeout_s=0.5) as carrier, sipp("no_answer", tmp_path) as peer:
        report = await carrier.call(pbx.dial(peer.port), Told())
        assert await peer.done() == ""  # it was cancelled
    assert (report.outcome, report.answered_at) == (Outcome.NO_ANSWER, None)
    assert report.ringing_at is not None


async def test_an_answer_that_crosses_the_cancel_is_ended_and_not_billed(pbx: Pbx, tmp_path: Path) -> None:
    async with pbx.carrier(ring_timeout_s=0.5) as carrier, sipp("crossing", tmp_path) as peer:
        report = await carrier.call(pbx.dial(peer.port), Told())
        assert await peer.done() == ""
        await pbx.is_quiet()
    assert (report.outcome, report.duration_s) == (Outcome.NO_ANSWER, 0)


async def test_a_far_end_that_hangs_up_in_the_middle_was_answered(pbx: Pbx, tmp_path: Path) -> None:
    async with pbx.carrier() as carrier, sipp("hangs_up", tmp_path) as peer:
        report = await carrier.call(pbx.dial(peer.port, speech(500)), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert [one.what for one in report.trace] == ["far_end_hung_up"]


async def test_a_call_is_cut_when_its_hold_is_used_up(pbx: Pbx, tmp_path: Path) -> None:
    async with pbx.carrier() as carrier, sipp("answer", tmp_path) as peer:
        report = await carrier.call(pbx.dial(peer.port, speech(500), longest_s=1), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert [one.what for one in report.trace] == ["cut"]


@pytest.mark.parametrize(("scenario", "what"), [("no_answer", "rang"), ("answer", "answered")])
async def test_a_call_that_is_cancelled_is_hung_up(pbx: Pbx, tmp_path: Path, scenario: str, what: str) -> None:
    told = Told()
    async with pbx.carrier() as carrier, sipp(scenario, tmp_path) as peer:
        calling = asyncio.create_task(carrier.call(pbx.dial(peer.port, speech(500)), told))
        async with asyncio.timeout(PATIENCE_S):
            await getattr(told, what).wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert await peer.done() == ""
        await pbx.is_quiet()


async def test_a_message_that_asterisk_cannot_read_is_the_routes_fault(pbx: Pbx, tmp_path: Path) -> None:
    elsewhere = pbx.folder / "elsewhere"
    async with pbx.carrier(seen_as=elsewhere) as carrier, sipp("answer", tmp_path) as peer:
        report = await carrier.call(pbx.dial(peer.port), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.CONGESTION
    assert "not_played" in [one.what for one in report.trace]


async def test_an_endpoint_that_asterisk_does_not_have_is_the_routes_fault(pbx: Pbx) -> None:
    async with pbx.carrier() as carrier:
        report = await carrier.call(pbx.dial(0, template="PJSIP/{digits}@nowhere"), Told())
    assert report.outcome is Outcome.CONGESTION
    assert [one.what for one in report.trace] == ["asterisk_refused"]


# Asterisk away


async def test_without_an_asterisk_nothing_is_dialled_and_another_route_may_be(pbx: Pbx) -> None:
    over = pbx.trunk(server=Server("127.0.0.1", free_port()))
    async with pbx.carrier(request_timeout_s=0.3) as carrier:
        report = await carrier.call(pbx.dial(free_udp_port(), over=over), Told())
    assert report.outcome is Outcome.CONGESTION
    assert [one.what for one in report.trace] == ["no_asterisk"]


async def test_a_password_that_asterisk_does_not_know_is_told(pbx: Pbx) -> None:
    over = pbx.trunk(credentials=Credentials("portevoix", "another"))
    async with pbx.carrier(request_timeout_s=0.5) as carrier:
        report = await carrier.call(pbx.dial(free_udp_port(), over=over), Told())
    assert report.outcome is Outcome.CONGESTION
    assert "401" in report.trace[0].detail


async def test_calls_are_lost_with_asterisk_and_flow_again_when_it_is_back(pbx: Pbx, tmp_path: Path) -> None:
    health: asyncio.Queue[bool] = asyncio.Queue()
    told = Told()

    async def until(is_up: bool) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await health.get() is not is_up:
                pass

    async with pbx.carrier(on_health=lambda trunk, up: health.put_nowait(up), look_every_s=3_600) as carrier:
        await carrier.watch([pbx.trunk()])
        await until(True)
        async with sipp("answer", tmp_path) as peer:
            calling = asyncio.create_task(carrier.call(pbx.dial(peer.port, speech(500)), told))
            async with asyncio.timeout(PATIENCE_S):
                await told.answered.wait()
            await pbx.kill()
            report = await calling
        await until(False)
        await pbx.start()
        await until(True)
        async with sipp("answer", tmp_path) as peer:
            again = await carrier.call(pbx.dial(peer.port), Told())
    assert (report.outcome, again.outcome) == (Outcome.LOST, Outcome.ANSWERED)
    assert report.answered_at is not None
    assert [one.what for one in report.trace] == ["connection_lost"]
