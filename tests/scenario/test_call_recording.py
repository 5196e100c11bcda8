"""What a far end said, from its phone to whoever has the key: the client, sync and async, and the command."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from portevoix.audio.wav import wav_16bit, wav_alaw
from portevoix.carrier.sip.rtp import FRAME_BYTES
from portevoix.client import AsyncVoicePartner, NotFound, VoicePartner
from portevoix.domain.ids import Mode
from portevoix.service import proof
from portevoix.service.reading import find_access
from tests.carrier.sip.test_listening import speak
from tests.carrier.sip.trunk import needs_sipp
from tests.parts import PATIENCE_S, portevoix
from tests.scenario.bench import bench, sender
from tests.scenario.far_end import far_end
from tests.store.test_calls import Customer

SPOKEN = random.Random(8).randbytes(FRAME_BYTES * 500)


@needs_sipp
async def test_what_the_far_end_said_is_fetched_by_the_clients_and_the_command(
    url: str, tmp_path: Path, data_folder: Path
) -> None:
    async with (
        bench(url, data_folder, record_calls_s="1") as made,
        far_end("answer", tmp_path / "answers") as far,
        far_end("busy", tmp_path / "busy") as busy,
    ):
        await made.lead("336", far)
        await made.lead("331", busy)
        alice = await Customer.of(made.house, mode=Mode.LIVE, seconds=2)
        await made.start()
        speaking = asyncio.create_task(speak(far.tape, SPOKEN))
        async with sender(made, alice) as voice:
            phones = ["0639980000", "0199000000"]
            message = await voice.send("/v1/tts/send", alice.token, phones, made.receiver.url("/hook"))
            async with asyncio.timeout(PATIENCE_S):
                await made.receiver.wait_for(2)
        speaking.cancel()
        call, unheard = f"{message}-1", f"{message}-2"
        kept = await proof.hear_call(made.house, await find_access(made.house, alice.key), call)
        assert len(kept.alaw) == 8_000
        place = {"base_url": made.server.url}

        def fetch() -> tuple[bytes, bytes]:
            with VoicePartner(alice.key, **place) as client:
                with pytest.raises(NotFound, match="call_not_recorded"):
                    client.call_recording(unheard)
                return client.call_recording(call), client.call_recording(call, alaw=True)

        assert await asyncio.to_thread(fetch) == (wav_16bit(kept), wav_alaw(kept))
        async with AsyncVoicePartner(alice.key, **place) as client:
            assert await client.call_recording(call) == wav_16bit(kept)
            assert await client.call_recording(call, alaw=True) == wav_alaw(kept)
            with pytest.raises(NotFound, match="call_not_found"):
                await client.call_recording("nobody")

        told = {"PORTEVOIX_KEY": alice.key, "PORTEVOIX_URL": made.server.url}
        for flags, wav in (((), wav_16bit(kept)), (("--alaw",), wav_alaw(kept))):
            asked = ("call", "recording", call, "-o", str(tmp_path / "call.wav"), *flags)
            done = await asyncio.to_thread(portevoix, *asked, data=tmp_path, environment=told)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            assert (tmp_path / "call.wav").read_bytes() == wav
        asked = ("call", "recording", unheard, "-o", str(tmp_path / "none.wav"))
        done = await asyncio.to_thread(portevoix, *asked, data=tmp_path, environment=told)
        assert (done.returncode, "call_not_recorded" in done.stderr) == (1, True), done.stderr
        assert not (tmp_path / "none.wav").exists()
