"""What a call's far end said, over the wire."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portevoix.audio.wav import wav_16bit, wav_alaw
from portevoix.domain.audio import TelephoneAudio
from portevoix.ports import House
from portevoix.service import settlement
from tests.conftest import Serve
from tests.store.test_calls import Customer, Node, file, numbers, report
from tests.wire.sound import bearer

VOICE = bytes(range(256)) * 10


@pytest.fixture
async def call(house: House) -> tuple[str, str]:
    """A key, and a call of two that is recorded: the first one."""
    alice = await Customer.of(house, "Alice")
    placing = await alice.send(numbers(2))
    first, second = await (await Node.of(house)).dial_all()
    told = ((first, replace(report(first), recorded=VOICE)), (second, report(second)))
    await settlement.settle(house, await file(house, *told))
    return alice.key, f"{placing.campaign}-1"


async def test_it_is_a_wav_file_for_people_or_the_lines_own_bytes(call: tuple[str, str], serve: Serve) -> None:
    key, name = call
    path, audio = f"/v2/calls/{name}/recording", TelephoneAudio(VOICE)
    async with serve() as http:
        linear = await http.get(path, headers=bearer(key))
        alaw = await http.get(path, params={"encoding": "alaw"}, headers=bearer(key))
        part = await http.get(path, headers=bearer(key) | {"range": "bytes=0-3"})
    assert (linear.status_code, linear.headers["content-type"]) == (200, "audio/wav")
    assert linear.headers["cache-control"] == "no-store"
    assert (linear.content, alaw.content) == (wav_16bit(audio), wav_alaw(audio))
    assert (part.status_code, part.content) == (206, b"RIFF")


async def test_what_is_not_there_or_is_anothers_is_not_found(call: tuple[str, str], house: House, serve: Serve) -> None:
    key, name = call
    bob = await Customer.of(house, "Bob")
    async with serve() as http:
        none = await http.get(f"/v2/calls/{name[:-1]}2/recording", headers=bearer(key))
        anothers = await http.get(f"/v2/calls/{name}/recording", headers=bearer(bob.key))
        unknown = await http.get("/v2/calls/nobody/recording", headers=bearer(key))
    assert (none.status_code, none.json()["code"]) == (404, "call_not_recorded")
    assert (anothers.status_code, anothers.json()["code"]) == (404, "call_not_found")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "call_not_found")
