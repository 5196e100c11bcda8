"""A message of a live account, from the send over a real Asterisk to the ledger."""

from __future__ import annotations

import asyncio
from pathlib import Path

from portevoix.bootstrap.trunks import Engines, makers_of
from portevoix.domain.call import CallState
from portevoix.domain.trunk import DialTemplate, Engine
from portevoix.ports import House
from portevoix.service import credit
from portevoix.settings import Settings
from tests.carrier.asterisk.pbx import KNOWN, asterisk, needs_asterisk
from tests.carrier.sip.trunk import HERE, SystemClock, needs_sipp, sipp, tape
from tests.parts import PATIENCE_S
from tests.store.test_calls import Customer, numbers
from tests.trunks import add_route, add_trunk
from tests.worker.test_trunks import alice, dialling, house

__all__ = ["alice", "house"]
pytestmark = [needs_asterisk, needs_sipp]


async def test_a_live_accounts_message_is_heard_at_the_far_end_and_paid(
    house: House, alice: Customer, tmp_path: Path
) -> None:
    with asterisk() as pbx:
        sounds = f"{pbx.here / 'sounds'}:{pbx.folder / 'sounds'}"
        settings = Settings.read({"PORTEVOIX_ASTERISK_SOUNDS": sounds})
        async with tape() as far, sipp("answer", tmp_path, media=far.port) as peer:
            trunk = await add_trunk(house, "far", engine=Engine.ASTERISK, server=pbx.server, credentials=KNOWN)
            await add_route(house, trunk, dial=DialTemplate(f"PJSIP/far/sip:{{e164}}@{HERE}:{peer.port}"))
            engines = Engines(house, tmp_path, makers_of(settings, SystemClock(), lambda counts: None))
            running = asyncio.create_task(engines.run())
            async with dialling(house, engines.carriers) as over:
                placing = await alice.send(numbers(1))
                await over.wait_for(alice, 1)
            async with asyncio.timeout(PATIENCE_S):
                running.cancel()
                await asyncio.wait({running})
            assert await peer.done() == ""
    assert await alice.states(placing.campaign) == [CallState.FINISHED]
    assert len(far.heard()) > 160
    assert await credit.check_ledger(house) == []
