"""Calls to a real SIP peer: every end that a call can have."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

from portevoix.audio.g711 import alaw_to_ulaw
from portevoix.domain.call import Answerer, Outcome
from portevoix.domain.trunk import CallerId, Credentials, Target
from portevoix.domain.trunk import Path as Way
from tests.carrier.sip.trunk import CREDENTIALS, Told, carrier, dial, needs_sipp, sipp, tape, trunk
from tests.parts import PATIENCE_S

pytestmark = needs_sipp


def speech(frames: int) -> bytes:
    """Make bytes that no other frames equal."""
    return random.Random(711).randbytes(160 * frames)


async def test_the_far_end_hears_the_stored_bytes_bit_by_bit(tmp_path: Path) -> None:
    message, told = speech(100) + b"rest", Told()
    async with carrier() as sip, tape() as far, sipp("answer", tmp_path, media=far.port) as peer:
        report = await sip.call(dial(trunk(peer.port), message), told)
        assert await peer.done() == ""
    assert (report.outcome, report.answerer) == (Outcome.ANSWERED, Answerer.UNKNOWN)
    assert far.heard().startswith(message)
    assert report.ringing_at is not None
    assert report.answered_at is not None
    assert report.ringing_at <= report.answered_at < report.ended_at
    assert told.said[-1].answered_at == report.answered_at


async def test_a_far_end_that_knows_pcmu_alone_hears_the_message_in_it(tmp_path: Path) -> None:
    message = speech(20)
    async with carrier() as sip, tape() as far, sipp("answer_ulaw", tmp_path, media=far.port) as peer:
        report = await sip.call(dial(trunk(peer.port), message), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert far.heard(payload_type=0).startswith(alaw_to_ulaw(message))


@pytest.mark.parametrize(
    ("scenario", "outcome", "cause"),
    [
        ("busy", Outcome.BUSY, 486),
        ("declined", Outcome.DECLINED, 603),
        ("not_found", Outcome.INVALID_NUMBER, 404),
        ("unavailable", Outcome.CONGESTION, 503),
        ("switched_off", Outcome.UNREACHABLE, 503),
        ("no_codec", Outcome.CONGESTION, 488),
        ("forwards", Outcome.CONGESTION, 302),
        ("loops", Outcome.CONGESTION, 302),
    ],
)
async def test_a_refusal_ends_as_what_it_means(tmp_path: Path, scenario: str, outcome: Outcome, cause: int) -> None:
    async with carrier() as sip, sipp(scenario, tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port)), Told())
        assert await peer.done() == ""
    assert (report.outcome, report.cause) == (outcome, cause)
    assert report.answered_at is None


@pytest.mark.parametrize("scenario", ["auth", "auth_sha256", "auth_stale"])
async def test_a_trunk_that_asks_for_a_digest_gets_the_right_one(tmp_path: Path, scenario: str) -> None:
    async with carrier() as sip, sipp(scenario, tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port, credentials=CREDENTIALS)), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED


async def test_a_proxy_that_asks_for_a_digest_gets_the_right_one(tmp_path: Path) -> None:
    async with carrier() as sip, sipp("proxy_auth", tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port, credentials=CREDENTIALS)), Told())
        assert await peer.done() == ""
        given = re.search(r"Proxy-Authorization: Digest (.*)", peer.messages())
    assert report.outcome is Outcome.ANSWERED
    assert given is not None
    said = {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|[^,\s]+)', given[1])}
    secret = _md5(f"trunkuser:far.example:{CREDENTIALS.password}")
    expected = f"{secret}:{said['nonce']}:{said['nc']}:{said['cnonce']}:auth:{_md5('INVITE:' + said['uri'])}"
    assert said["response"] == _md5(expected)  # RFC 7616, 3.4.1


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(("scenario", "cause"), [("auth", 403), ("proxy_refuses", 407)])
async def test_a_wrong_password_is_the_routes_fault(tmp_path: Path, scenario: str, cause: int) -> None:
    wrong = Credentials(CREDENTIALS.username, "guess")
    async with carrier() as sip, sipp(scenario, tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port, credentials=wrong)), Told())
        assert await peer.done() == ""
    assert (report.outcome, report.cause) == (Outcome.CONGESTION, cause)


async def test_a_digest_that_was_asked_for_and_cannot_be_given_is_the_routes_fault(tmp_path: Path) -> None:
    async with carrier() as sip, sipp("auth", tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port)), Told())
    assert (report.outcome, report.cause) == (Outcome.CONGESTION, 401)


async def test_a_phone_that_nobody_answers_is_given_up_after_the_ring_timeout(tmp_path: Path) -> None:
    told = Told()
    async with carrier(ring_timeout_s=0.5) as sip, sipp("no_answer", tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port)), told)
        assert await peer.done() == ""
    assert report.outcome is Outcome.NO_ANSWER
    assert report.ringing_at is not None
    assert told.said[-1].ringing_at == report.ringing_at
    assert report.answered_at is None


async def test_an_answer_that_crosses_the_cancel_is_ended_at_once_and_not_billed(tmp_path: Path) -> None:
    async with carrier(ring_timeout_s=0.5) as sip, tape() as far, sipp("crossing", tmp_path, media=far.port) as peer:
        report = await sip.call(dial(trunk(peer.port)), Told())
        assert await peer.done() == ""
        assert far.packets == []
    assert report.outcome is Outcome.NO_ANSWER
    assert report.answered_at is None


async def test_a_trunk_that_says_nothing_at_all_is_dead_and_not_a_phone_that_nobody_answers() -> None:
    async with tape() as silent, carrier(trying_timeout_s=0.7) as sip:
        report = await sip.call(dial(trunk(silent.port)), Told())
    assert report.outcome is Outcome.CONGESTION
    assert [one.what for one in report.trace] == ["no_response"]
    assert report.ringing_at is None


async def test_early_media_is_noted_and_is_no_answer(tmp_path: Path) -> None:
    told = Told()
    async with carrier() as sip, tape() as far, sipp("early_media", tmp_path, media=far.port) as peer:
        report = await sip.call(dial(trunk(peer.port), speech(5)), told)
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert report.answered_at is not None
    early = next(one for one in report.trace if one.what == "early_media")
    assert early.at < report.answered_at
    assert far.heard().startswith(speech(5))  # nothing was sent before the answer


async def test_an_answer_that_says_nothing_of_media_means_those_of_the_183(tmp_path: Path) -> None:
    async with carrier() as sip, tape() as far, sipp("early_answer", tmp_path, media=far.port) as peer:
        report = await sip.call(dial(trunk(peer.port), speech(5)), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert far.heard().startswith(speech(5))


async def test_a_person_who_hangs_up_has_answered(tmp_path: Path) -> None:
    message = speech(50 * 30)
    async with carrier() as sip, tape() as far, sipp("hangs_up", tmp_path, media=far.port) as peer:
        report = await sip.call(dial(trunk(peer.port), message), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert message.startswith(far.heard())
    assert 0 < len(far.heard()) < len(message)
    assert "far_end_hung_up" in [one.what for one in report.trace]


async def test_a_call_is_cut_when_what_was_set_aside_for_it_is_used_up(tmp_path: Path) -> None:
    async with carrier() as sip, sipp("answer", tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port), speech(50 * 30), longest_s=1), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert "cut" in [one.what for one in report.trace]


async def test_duplicates_and_late_responses_change_nothing(tmp_path: Path) -> None:
    async with carrier() as sip, sipp("duplicates", tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port), speech(40)), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED


async def test_a_call_on_hold_hears_nothing_and_goes_on_where_it_was(tmp_path: Path) -> None:
    message = speech(100)
    async with carrier() as sip, tape() as far, sipp("hold", tmp_path, media=far.port) as peer:
        report = await sip.call(dial(trunk(peer.port), message), Told())
        assert await peer.done() == ""
    assert [one.what for one in report.trace if one.what in ("hold", "resumed")] == ["hold", "resumed"]
    assert far.heard().startswith(message)
    steps = {(two.timestamp - one.timestamp) & 0xFFFFFFFF for one, two in pairwise(far.packets)}
    assert max(steps) > 160  # time went on meanwhile
    assert [one.sequence for one in far.packets] == [
        (far.packets[0].sequence + place) & 0xFFFF for place in range(len(far.packets))
    ]


async def test_what_a_dialog_may_ask_is_answered_and_the_rest_refused(tmp_path: Path) -> None:
    async with carrier() as sip, sipp("asks", tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port), speech(50 * 30)), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED


async def test_an_offer_that_is_asked_for_is_made_and_its_answer_taken(tmp_path: Path) -> None:
    async with carrier() as sip, sipp("late_offer", tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port), speech(50 * 30)), Told())
        assert await peer.done() == ""
    assert "hold" in [one.what for one in report.trace]
    assert report.keys == "7"


async def test_a_session_is_refreshed_by_us_where_that_was_agreed(tmp_path: Path) -> None:
    async with carrier() as sip, sipp("refreshed", tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port), speech(50 * 3)), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert "played" in [one.what for one in report.trace]


async def test_a_session_that_the_far_end_does_not_refresh_is_ended(tmp_path: Path) -> None:
    async with carrier() as sip, sipp("not_refreshed", tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port), speech(50 * 30)), Told())
        assert await peer.done() == ""
    assert "session_expired" in [one.what for one in report.trace]


@pytest.mark.parametrize("scenario", ["redirects", "short_session"])
async def test_an_invite_is_sent_again_as_the_trunk_wants_it(tmp_path: Path, scenario: str) -> None:
    async with carrier() as sip, sipp(scenario, tmp_path) as peer:
        report = await sip.call(dial(trunk(peer.port)), Told())
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED


async def test_lost_packets_are_sent_again(tmp_path: Path) -> None:
    async with carrier() as sip, sipp("answer", tmp_path, "-lost", "15", calls=8) as peer:
        calls = [sip.call(dial(trunk(peer.port), speech(10)), Told()) for _ in range(8)]
        reports = await asyncio.gather(*calls)
    assert {one.outcome for one in reports} == {Outcome.ANSWERED}


async def test_a_call_that_is_cancelled_while_it_rings_is_hung_up(tmp_path: Path) -> None:
    told = Told()
    async with carrier() as sip, sipp("no_answer", tmp_path) as peer:
        call = asyncio.create_task(sip.call(dial(trunk(peer.port)), told))
        async with asyncio.timeout(PATIENCE_S):
            await told.rang.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await peer.done() == ""


async def test_calls_under_way_are_hung_up_when_the_node_ends(tmp_path: Path) -> None:
    told = Told()
    async with sipp("answer", tmp_path) as peer:
        async with carrier() as sip:
            call = asyncio.create_task(sip.call(dial(trunk(peer.port), speech(50 * 30)), told))
            async with asyncio.timeout(PATIENCE_S):
                await told.answered.wait()
        assert await peer.done() == ""
        assert (await call).outcome is Outcome.LOST


async def test_caller_and_headers_are_told_as_the_trunk_wants_them(tmp_path: Path) -> None:
    async with carrier() as sip, sipp("answer", tmp_path) as peer:
        way = Way(trunk(peer.port), Target("*88639980100", (("X-Deposit", "yes"),)), "0199000100")
        await sip.call(dial(way.trunk, path=way), Told())
        assert await peer.done() == ""
        said = peer.messages().lower()
    assert "invite sip:*88639980100@127.0.0.1" in said
    assert "from: <sip:0199000100@127.0.0.1>" in said
    assert "p-asserted-identity: <sip:0199000100@127.0.0.1>" in said
    assert "x-deposit: yes" in said


async def test_an_anonymous_caller_is_not_told(tmp_path: Path) -> None:
    async with carrier() as sip, sipp("answer", tmp_path) as peer:
        await sip.call(dial(trunk(peer.port, caller_id=CallerId(None))), Told())
        assert await peer.done() == ""
        said = peer.messages().lower()
    assert "sip:anonymous@anonymous.invalid" in said
    assert "privacy: id" in said
    assert "p-asserted-identity" not in said
