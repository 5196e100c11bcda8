"""From a message of a live account over real SIP to the ledger."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from portevoix import bootstrap
from portevoix.bootstrap.engines import Engines, makers_of
from portevoix.carrier.sip.jitter import SILENCE
from portevoix.carrier.sip.rtp import FRAME_BYTES
from portevoix.domain.call import CallState
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.trunk import CallerId, Engine, Server
from portevoix.service import credit, proof, sent
from portevoix.service.reading import find_access
from portevoix.settings import Settings
from tests.carrier.sip.test_listening import speak
from tests.carrier.sip.trunk import HERE, LANDLINE, carrier, free_udp_port, needs_sipp, sipp, tape
from tests.conftest import PEPPER
from tests.parts import PATIENCE_S
from tests.store.test_calls import CALL_MICROS, Customer, numbers
from tests.trunks import Operator, add_route, add_trunk, policy
from tests.worker.test_trunks import dialling

SECOND_MICROS = CALL_MICROS // 6


@needs_sipp
async def test_a_message_rings_the_second_trunk_when_the_first_is_at_fault_is_heard_and_paid_for(
    url: str, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("bad", "good")]
    for folder in folders:
        folder.mkdir()
    async with (
        bootstrap.open_house(url, PEPPER.encode(), policy=policy()) as opened,
        carrier() as sip,
        tape() as far,
        sipp("unavailable", folders[0]) as bad,
        sipp("answer", folders[1], media=far.port) as good,
    ):
        house, shown = opened.house, CallerId(LANDLINE)
        for priority, (name, peer) in enumerate((("bad", bad), ("good", good))):
            trunk = await add_trunk(house, name, server=Server(HERE, peer.port), caller_id=shown)
            await add_route(house, trunk, priority=priority)
        alice = await Customer.of(house, mode=Mode.LIVE, seconds=1)
        async with dialling(house, {Engine.SIP: sip}) as over:
            placing = await alice.send(numbers(1))
            await over.wait_for(alice, 1)
        assert (await bad.done(), await good.done()) == ("", "")
        recording = await house.recordings.audio(alice.id, alice.token)
        assert far.heard().startswith(recording.alaw)
        assert await alice.states(placing.campaign) == [CallState.FINISHED]
        timeline = await sent.find_call(house, await find_access(house, alice.key), f"{placing.campaign}-1")
        steps = [(step.what, step.detail, step.cause) for step in sent.steps(timeline) if step.what != "noted"]
        assert ("dialing", "bad-33", None) in steps
        assert ("ended", "congestion", 503) in steps
        assert ("dialing", "good-33", None) in steps
        found = await house.accounts.find(AccountRef(alice.ref.public_id, Mode.LIVE))
        assert found.held_micros == 0
        assert 100_000_000 - found.available_micros == timeline.call.cost_micros == SECOND_MICROS
        assert await credit.check_ledger(house) == []


@needs_sipp
async def test_what_the_far_end_says_first_is_kept_bit_by_bit_for_the_calls_owner(url: str, tmp_path: Path) -> None:
    spoken = random.Random(8).randbytes(FRAME_BYTES * 150)
    async with (
        bootstrap.open_house(url, PEPPER.encode(), policy=policy()) as opened,
        carrier(record_s=1) as sip,
        tape() as far,
        sipp("answer", tmp_path, media=far.port) as peer,
    ):
        house = opened.house
        trunk = await add_trunk(house, server=Server(HERE, peer.port), caller_id=CallerId(LANDLINE))
        await add_route(house, trunk)
        alice = await Customer.of(house, mode=Mode.LIVE, seconds=2)
        speaking = asyncio.create_task(speak(far, spoken))
        async with dialling(house, {Engine.SIP: sip}) as over:
            placing = await alice.send(numbers(1))
            await over.wait_for(alice, 1)
        speaking.cancel()
        assert await peer.done() == ""
        access, call = await find_access(house, alice.key), f"{placing.campaign}-1"
        kept = (await proof.hear_call(house, access, call)).alaw
        noted = [step.detail for step in sent.steps(await sent.find_call(house, access, call)) if step.what == "noted"]
    assert "recorded ms=1000" in noted
    assert len(kept) == 8_000
    # A far end that is slow under load leaves holes; what is there is what it said, frame by frame, in its order.
    frames = [kept[place : place + FRAME_BYTES] for place in range(0, len(kept), FRAME_BYTES)]
    places = [spoken.index(frame) for frame in frames if frame != SILENCE]
    assert len(places) >= 5
    assert places == sorted(set(places))
    assert {place % FRAME_BYTES for place in places} == {0}


async def test_a_node_speaks_sip_once_there_is_a_trunk_and_tells_it_its_own_address(
    url: str, data_folder: Path
) -> None:
    port = free_udp_port()
    settings = Settings.read({}, data=data_folder, sip_address=f"0.0.0.0:{port}", media_processes="1")
    async with bootstrap.open_house(url, PEPPER.encode()) as opened:
        house = opened.house
        engines = Engines(house, data_folder, makers_of(settings, house.clock, lambda counts: None))
        running = asyncio.create_task(engines.run())
        try:
            with Operator({"OPTIONS": "200 OK"}) as operator:
                await add_trunk(house, server=Server.parse(operator.server))
                assert await asyncio.to_thread(operator.has_heard.wait, PATIENCE_S)
                assert operator.asked[0].startswith("OPTIONS ")
                assert f"SIP/2.0/UDP 127.0.0.1:{port};" in operator.asked[0]
        finally:
            running.cancel()
            await asyncio.wait({running})
