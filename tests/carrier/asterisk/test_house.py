"""A message of a live account, from the send over a real Asterisk to the ledger."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from portevoix.bootstrap.engines import Engines, makers_of
from portevoix.carrier.sip.rtp import FRAME_BYTES
from portevoix.domain.call import CallState
from portevoix.domain.trunk import DialTemplate, Engine
from portevoix.ports import House
from portevoix.service import credit, proof, sent
from portevoix.service.reading import find_access
from portevoix.settings import Settings
from tests.carrier.asterisk.pbx import KNOWN, asterisk, needs_asterisk
from tests.carrier.sip.test_listening import speak
from tests.carrier.sip.trunk import HERE, SystemClock, needs_sipp, sipp, tape
from tests.parts import PATIENCE_S
from tests.store.test_calls import Customer, numbers
from tests.trunks import add_route, add_trunk
from tests.worker.test_trunks import alice, dialling, house

__all__ = ["alice", "house"]
pytestmark = [needs_asterisk, needs_sipp]


async def test_a_live_accounts_message_is_heard_at_the_far_end_paid_and_what_is_said_there_kept(
    house: House, alice: Customer, tmp_path: Path
) -> None:
    with asterisk() as pbx:
        sounds = f"{pbx.here / 'sounds'}:{pbx.folder / 'sounds'}"
        settings = Settings.read({"PORTEVOIX_ASTERISK_SOUNDS": sounds}, record_calls_s=1)
        async with tape() as far, sipp("answer", tmp_path, media=far.port) as peer:
            trunk = await add_trunk(house, "far", engine=Engine.ASTERISK, server=pbx.server, credentials=KNOWN)
            await add_route(house, trunk, dial=DialTemplate(f"PJSIP/far/sip:{{e164}}@{HERE}:{peer.port}"))
            engines = Engines(house, tmp_path, makers_of(settings, SystemClock(), lambda counts: None))
            running = asyncio.create_task(engines.run())
            async with dialling(house, engines.carriers) as over:
                speaking = asyncio.create_task(speak(far, random.Random(8).randbytes(FRAME_BYTES * 150)))
                placing = await alice.send(numbers(1))
                await over.wait_for(alice, 1)
                speaking.cancel()
            async with asyncio.timeout(PATIENCE_S):
                running.cancel()
                await asyncio.wait({running})
            assert await peer.done() == ""
    assert await alice.states(placing.campaign) == [CallState.FINISHED]
    assert len(far.heard()) > 160
    access, call = await find_access(house, alice.key), f"{placing.campaign}-1"
    noted = [step.detail for step in sent.steps(await sent.find_call(house, access, call)) if step.what == "noted"]
    assert "recorded ms=1000" in noted
    assert [step for step in noted if step is not None][-1].startswith("rtp sent=")
    assert len((await proof.hear_call(house, access, call)).alaw) == 8_000
    assert await credit.check_ledger(house) == []
