"""POST /v2/audio: what is sent is taken or refused, and told."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest

from portevoix.audio.g711 import alaw_decode
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount
from tests.conftest import Serve
from tests.parts import ManualClock
from tests.wire.modern import problem
from tests.wire.sound import (
    FORM,
    PAUSED,
    WAVE_ALAW,
    WAVE_PCM,
    bearer,
    mp3_file,
    read_wav,
    send_form,
    send_json,
    tone,
    wav_file,
)

SEND = pytest.mark.parametrize("send", [send_form, send_json], ids=["form", "json"])


@SEND
async def test_a_wav_is_taken_and_its_answer_says_what_was_done(
    account: OpenedAccount, serve: Serve, clock: ManualClock, send: Any
) -> None:
    clock.moment = datetime(2026, 7, 14, 22, 0, 0, 123_456, tzinfo=UTC)
    async with serve() as http:
        answer = await send(http, account.live_key, wav_file(PAUSED))
        shown = await http.get(f"/v2/audio/{answer.json()['token']}", headers=bearer(account.live_key))
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
    made = answer.json()
    assert list(made) == [
        *("token", "name", "duration_s", "billable_s", "size_bytes", "sha256", "conditioning", "created_at")
    ]
    assert (made["name"], made["created_at"]) == ("Accueil", "2026-07-14T22:00:00.123456Z")
    assert made["duration_s"] == pytest.approx(1.8, abs=0.05)
    assert made["billable_s"] == 2
    assert made["size_bytes"] == 44 + 16_000 * made["duration_s"]
    done = made["conditioning"]
    assert list(done) == ["container", "codec", "trimmed_start_s", "trimmed_end_s", "gain_db"]
    assert (done["container"], done["codec"]) == ("WAV", "pcm_s16le")
    assert done["trimmed_start_s"] == pytest.approx(0.35, abs=0.03)
    assert done["trimmed_end_s"] == pytest.approx(0.35, abs=0.03)
    assert done["trimmed_start_s"] + made["duration_s"] + done["trimmed_end_s"] == pytest.approx(2.5)
    assert -10 < done["gain_db"] < 0
    assert shown.json() == made


@SEND
async def test_an_mp3_is_taken(account: OpenedAccount, serve: Serve, send: Any) -> None:
    async with serve() as http:
        answer = await send(http, account.live_key, mp3_file(tone(2.0, rate_hz=44_100)))
    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert (made["conditioning"]["container"], made["duration_s"]) == ("MP3", pytest.approx(2.0, abs=0.001))


async def test_without_a_name_a_form_gives_the_files_own(account: OpenedAccount, serve: Serve) -> None:
    files = {"file": ("réunion du 14.wav", wav_file(tone()), "text/html")}
    async with serve() as http:
        answer = await http.post("/v2/audio", files=files, headers=bearer(account.live_key))
        empty = await http.post("/v2/audio", files=files, data={"name": ""}, headers=bearer(account.live_key))
    assert [each.json()["name"] for each in (answer, empty)] == ["réunion du 14.wav"] * 2


async def test_what_is_fetched_is_what_the_upload_room_made(house: House, account: OpenedAccount, serve: Serve) -> None:
    data = wav_file(PAUSED)
    made = (await house.uploads.receive(data)).audio
    async with serve() as http:
        sent = (await send_form(http, account.live_key, data)).json()
        content = f"/v2/audio/{sent['token']}/content"
        linear = await http.get(content, headers=bearer(account.live_key))
        alaw = await http.get(f"{content}?encoding=alaw", headers=bearer(account.live_key))
    assert {linear.headers["content-type"], alaw.headers["content-type"]} == {"audio/wav"}
    assert read_wav(alaw.content) == (WAVE_ALAW, made.alaw)
    assert read_wav(linear.content) == (WAVE_PCM, alaw_decode(made.alaw).astype("<i2").tobytes())
    assert len(linear.content) == sent["size_bytes"]
    assert (sent["sha256"], sent["duration_s"]) == (made.sha256, float(made.duration_s))


def _zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("message.wav", wav_file(tone()))
    return target.getvalue()


@SEND
@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        pytest.param(b"", 422, "audio_empty", id="nothing"),
        pytest.param(wav_file(np.zeros(16_000, "<i2")), 422, "audio_empty", id="silence"),
        pytest.param(b"Bonjour, ceci est un texte.", 415, "audio_unsupported", id="text"),
        pytest.param(_zip(), 415, "audio_unsupported", id="zip"),
        pytest.param(b"ffconcat version 1.0\nfile /etc/passwd\n", 415, "audio_unsupported", id="playlist"),
        pytest.param(b"fLaC" + bytes(200), 422, "audio_broken", id="broken"),
    ],
)
async def test_a_file_that_is_not_taken_is_a_problem(
    account: OpenedAccount, serve: Serve, send: Any, data: bytes, status: int, code: str
) -> None:
    async with serve() as http:
        problem(await send(http, account.live_key, data), status, code)
        listed = await http.get("/v2/audio", headers=bearer(account.live_key))
    assert listed.json() == {"items": [], "next": None}


@SEND
async def test_a_file_over_the_limits_is_a_problem(account: OpenedAccount, serve: Serve, send: Any) -> None:
    data = wav_file(tone(2.0))
    async with serve(audio_bytes=len(data) - 1) as http:
        told = problem(await send(http, account.live_key, data), 413, "audio_too_large")
        problem(await send(http, account.live_key, bytes(len(data) + 200_000)), 413, "audio_too_large")
    assert str(len(data)) in told["detail"]
    async with serve(audio_bytes=len(data), audio_duration_s=2) as http:
        assert (await send(http, account.live_key, data)).status_code == 201
    async with serve(audio_duration_s=1) as http:
        problem(await send(http, account.live_key, data), 413, "audio_too_long")


@SEND
@pytest.mark.parametrize("name", ["ab", "x" * 51, "a\nbc", "../secret", ".hidden", "ab\u202ec"])
async def test_a_name_that_may_not_be_is_a_problem(account: OpenedAccount, serve: Serve, send: Any, name: str) -> None:
    async with serve() as http:
        problem(await send(http, account.live_key, wav_file(tone()), name), 400, "audio_name_invalid")


PART = b'--abc\r\nContent-Disposition: form-data; name="%s"\r\n\r\nAccueil\r\n'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param("multipart/form-data", b"anything", id="no boundary"),
        pytest.param(FORM, b"--xyz\r\n\r\n--xyz--", id="another boundary"),
        pytest.param(FORM, b"--abc\r\nBad Header@: x\r\n\r\nx\r\n--abc--\r\n", id="a header that is none"),
        pytest.param(FORM, b"--abc\r\n\r\nx\r\n--abc--\r\n", id="a part without a name"),
        pytest.param(FORM, b"", id="nothing"),
        pytest.param(FORM, PART % b"name" + b"--abc--\r\n", id="no file"),
        pytest.param(FORM, PART % b"file" + b"--abc--\r\n", id="a file that is a text"),
        pytest.param(FORM, PART % b"a" * 5 + b"--abc--\r\n", id="too many fields"),
        pytest.param("application/json", b"", id="no JSON"),
        pytest.param("application/json", b'{"name":"Accueil","content":"AAAA",}', id="a trailing comma"),
        pytest.param("application/json", b'{"name":"Accueil"}', id="a field is missing"),
        pytest.param("application/json", b'{"name":"Accueil","content":"UklG\\nRgAA"}', id="base64 in lines"),
        pytest.param("application/json", b'{"name":"Accueil","content":"*"}', id="no base64"),
        pytest.param("application/json", b'["Accueil"]', id="no object"),
        pytest.param("audio/wav", wav_file(tone()), id="a bare file"),
        pytest.param("application/x-www-form-urlencoded", b"name=Accueil", id="the other kind of form"),
    ],
)
async def test_a_body_that_does_not_parse_is_a_problem(
    account: OpenedAccount, serve: Serve, content_type: str, body: bytes
) -> None:
    headers = {**bearer(account.live_key), "Content-Type": content_type}
    async with serve() as http:
        problem(await http.post("/v2/audio", content=body, headers=headers), 400, "invalid_value")


async def test_an_upload_needs_no_content_type_for_json(account: OpenedAccount, serve: Serve) -> None:
    body = msgspec.json.encode({"name": "Accueil", "content": wav_file(tone()), "colour": "red"})
    async with serve() as http:
        answer = await http.post("/v2/audio", content=body, headers=bearer(account.live_key))
    assert answer.status_code == 201
