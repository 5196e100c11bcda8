"""/v2/speech and /v2/voices: what is heard here is what the phone will play."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from portevoix.audio.g711 import alaw_decode
from portevoix.domain.speech import Utterance
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, open_account
from tests.conftest import Serve
from tests.parts import PATIENCE_S, Server
from tests.wire.sound import WAVE_ALAW, WAVE_PCM, bearer, read_wav, tone, wav_file

TEXT = "Bonjour, la mairie sera fermée vendredi 15 mai. Rappelez le 01 99 00 12 34."


@pytest.fixture
async def account(house: House) -> OpenedAccount:
    return await open_account(house, "Mairie")


async def _say(http: httpx2.AsyncClient, key: str, text: str, **fields: Any) -> bytes:
    """Have a text said; returns its A-law."""
    wanted = {"text": text, "encoding": "alaw", **fields}
    answer = await http.post("/v2/speech", json=wanted, headers=bearer(key))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav"), answer.text
    encoding, alaw = read_wav(answer.content)
    assert encoding == WAVE_ALAW
    return alaw


def _pauses(alaw: bytes) -> list[int]:
    """Find the silences that are longer than any inside speech, in samples."""
    silent = np.frombuffer(alaw, np.uint8) == 0xD5
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    return [int(end - start) for start, end in edges.reshape(-1, 2) if end - start >= 3_000]


async def test_the_same_text_gives_the_same_bytes_also_after_a_restart(account: OpenedAccount, serve: Serve) -> None:
    said = []
    for _ in range(2):
        async with serve(speech_cache_bytes=0) as http:
            said += [await _say(http, account.live_key, TEXT) for _ in range(2)]
    assert len(set(said)) == 1
    assert len(said[0]) > 24_000


async def test_what_is_heard_is_what_the_phone_will_play(house: House, account: OpenedAccount, serve: Serve) -> None:
    for_the_phone = await house.speech.speak(Utterance.parse(TEXT, "fr", "1.2"))
    async with serve() as http:
        alaw = await _say(http, account.live_key, TEXT, lang="fr", speech_rate=1.2)
        wanted = {"text": TEXT, "speech_rate": "1.2"}
        linear = await http.post("/v2/speech", json=wanted, headers=bearer(account.live_key))
    assert alaw == for_the_phone.alaw
    assert read_wav(linear.content) == (WAVE_PCM, alaw_decode(for_the_phone.alaw).astype("<i2").tobytes())


async def test_each_comma_is_a_pause_of_4000_samples(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        said = [await _say(http, account.live_key, f"un {',' * commas} deux") for commas in (1, 2, 6)]
        fast = await _say(http, account.live_key, "un ,,,,,, deux", speech_rate=2)
        ending = await _say(http, account.live_key, "un,,")
        amount = await _say(http, account.live_key, "douze virgule 12,50")
    assert [len(alaw) - len(said[0]) for alaw in said] == [0, 4_000, 20_000]
    assert [_pauses(alaw)[0] // 4_000 for alaw in (*said, fast)] == [1, 2, 6, 6]
    assert [_pauses(alaw)[0] % 4_000 < 80 for alaw in (*said, fast)] == [True] * 4  # what the voice adds: under 10 ms
    assert ending.endswith(b"\xd5" * 8_000)
    assert _pauses(amount) == []


async def test_the_rate_is_clamped_and_may_be_a_text(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:

        async def at(rate: Any) -> bytes:
            return await _say(http, account.live_key, TEXT, speech_rate=rate)

        normal, slow, fast = await at(1), await at(0.5), await at(2)
        for same, rates in (
            (normal, ("1", 1.0, "1.00", " 1 ", 1.001)),
            (slow, ("0.5", 0.1, 0, -3, "-1e99")),
            (fast, ("2", 2.5, 99, "1e999999999")),
        ):
            for rate in rates:
                assert await at(rate) == same, rate
    assert len(slow) / len(normal) == pytest.approx(2, rel=0.15)
    assert len(fast) / len(normal) == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"text": ""}, "text_required"),
        ({"text": " \n\t"}, "text_required"),
        ({"text": ",,,"}, "text_required"),
        ({"text": "<b></b> 😀"}, "text_required"),
        ({"text": "é" * 2_001}, "text_too_long"),
        ({"text": "oui" + 1_300 * ","}, "text_too_long"),  # 650 s of pauses
        ({"text": "oui", "lang": "xx"}, "lang_invalid"),
        ({"text": "oui", "lang": ""}, "lang_invalid"),
        ({"text": "oui", "lang": "../../fr"}, "lang_invalid"),
        ({"text": "oui", "speech_rate": "vite"}, "speech_rate_invalid"),
        ({"text": "oui", "speech_rate": "1,5"}, "speech_rate_invalid"),
        ({"text": "oui", "speech_rate": "NaN"}, "speech_rate_invalid"),
        ({"text": "oui", "speech_rate": ""}, "speech_rate_invalid"),
        ({"text": "oui", "speech_rate": True}, "invalid_value"),
        ({"text": "oui", "speech_rate": None}, "invalid_value"),
        ({"text": "oui", "encoding": "mp3"}, "invalid_value"),
        ({"text": 12}, "invalid_value"),
        ({}, "invalid_value"),
        ([], "invalid_value"),
    ],
)
async def test_what_cannot_be_said_is_a_problem(account: OpenedAccount, serve: Serve, wanted: Any, code: str) -> None:
    async with serve() as http:
        answer = await http.post("/v2/speech", json=wanted, headers=bearer(account.live_key))
    told = answer.json()
    assert (answer.status_code, told["code"], told["type"]) == (400, code, f"urn:portevoix:problem:{code}")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"", b'{"text":"oui",}', b'{"text":"oui" // fort\n}', b'{"text":"\\ud800"}', b"\xff"])
async def test_a_body_that_is_no_json_is_a_problem(account: OpenedAccount, serve: Serve, body: bytes) -> None:
    async with serve() as http:
        answer = await http.post("/v2/speech", content=body, headers=bearer(account.live_key))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_value")


async def test_the_longest_speech_is_a_setting(account: OpenedAccount, serve: Serve) -> None:
    async with serve(audio_duration_s=2) as http:
        answer = await http.post("/v2/speech", json={"text": "un ,,,, deux"}, headers=bearer(account.live_key))
        short = await http.post("/v2/speech", json={"text": "un , deux"}, headers=bearer(account.live_key))
        large = await http.post("/v2/speech", json={"text": "é" * 600_000}, headers=bearer(account.live_key))
    assert (answer.status_code, answer.json()["code"]) == (400, "text_too_long")
    assert short.status_code == 200
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")


async def test_mark_up_and_controls_are_never_said(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        plain = await _say(http, account.live_key, "Bonjour madame")
        dressed = await _say(http, account.live_key, '<audio src="/etc/passwd"/>Bonjour <b>madame</b>\x00 😀')
    assert dressed == plain


async def test_the_voices_of_the_engine_are_listed_french_first(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        answer = await http.get("/v2/voices", headers=bearer(account.live_key))
        voices = answer.json()["items"]
        default = await _say(http, account.live_key, "Bonjour madame")
        first = await _say(http, account.live_key, "Bonjour madame", lang=voices[0]["lang"])
        german = await _say(http, account.live_key, "Guten Tag", lang="de-AT")
    assert (answer.status_code, list(answer.json())) == (200, ["items"])
    assert voices[0] == {"id": "fr-fr", "lang": "fr-fr", "name": "Français (France)", "engine": "espeak-ng"}
    assert len({voice["id"] for voice in voices}) == len(voices) > 100
    assert {"de", "es", "pt"} <= {voice["lang"] for voice in voices}
    assert default == first
    assert german


async def test_every_voice_that_is_listed_can_be_asked_for(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        voices = (await http.get("/v2/voices", headers=bearer(account.live_key))).json()["items"]
        for voice in voices[::12]:
            assert await _say(http, account.live_key, "12", lang=voice["lang"]), voice


def test_a_sandbox_killed_between_two_jobs_is_started_again(data_folder: Path) -> None:
    with Server(data_folder) as server:
        key = server.run("account", "create", "Mairie", "--json")["live_key"]
        with httpx2.Client(base_url=server.url, headers=bearer(key), trust_env=False, timeout=PATIENCE_S) as http:
            said = http.post("/v2/speech", json={"text": "avant"})
            assert said.status_code == 200, said.text
            first = _kill_sandbox(server)
            sent = http.post("/v2/audio", files={"file": ("après.wav", wav_file(tone()))})
            second = _kill_sandbox(server)
            said_again = http.post("/v2/speech", json={"text": "après"})
    assert (sent.status_code, said_again.status_code) == (201, 200)
    assert first != second


def _kill_sandbox(server: Server) -> int:
    """Kill the server's sandbox process, and wait until it is gone; returns its process id."""
    assert server.process is not None
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], check=True, capture_output=True, text=True)
    processes = {int(line.split()[0]): line.split(None, 2)[1:] for line in listed.stdout.splitlines()}
    ours = {server.process.pid}
    while more := {pid for pid, (parent, *_) in processes.items() if int(parent) in ours} - ours:
        ours |= more
    (sandbox,) = [pid for pid in ours if "portevoix.audio.confined" in processes[pid][-1]]
    os.kill(sandbox, 9)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:  # the server reaps it
        try:
            os.kill(sandbox, 0)
        except ProcessLookupError:
            return sandbox
        time.sleep(0.005)
    raise AssertionError("the sandbox process is still there")
