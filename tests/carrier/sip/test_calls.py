"""Calls to a real SIP peer: every end that a call can have."""

from __future__ import annotations

import random
from pathlib import Path

from portevoix.domain.call import Outcome
from tests.carrier.sip.trunk import Told, carrier, dial, needs_sipp, sipp, tape, trunk

pytestmark = needs_sipp


def speech(frames: int) -> bytes:
    """Make bytes that no other frames equal."""
    return random.Random(711).randbytes(160 * frames)


async def test_the_far_end_hears_the_stored_bytes_bit_by_bit(tmp_path: Path) -> None:
    message, told = speech(100) + b"rest", Told()
    async with carrier() as sip, tape() as far, sipp("answer", tmp_path, media=far.port) as peer:
        report = await sip.call(dial(trunk(peer.port), message), told)
        assert await peer.done() == ""
    assert report.outcome is Outcome.ANSWERED
    assert message in far.heard()
    assert far.heard().startswith(message)
    assert report.ringing_at is not None
    assert report.answered_at is not None
    assert report.ringing_at <= report.answered_at < report.ended_at
    assert told.said[-1].answered_at == report.answered_at
