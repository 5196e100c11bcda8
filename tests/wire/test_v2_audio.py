"""/v2/audio: what is sent is taken or refused, and comes back as calls play it, to its owner alone."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
import time
import zipfile
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import httpx2
import msgspec
import numpy as np
import psycopg
import pytest

from portevoix import bootstrap
from portevoix.api.v2.operation import Operation
from portevoix.api.v2.routes import OPERATIONS
from portevoix.audio.g711 import alaw_decode
from portevoix.domain.account import Scope, State
from portevoix.domain.audio import AudioName, TelephoneAudio, Upload
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.recording import recording_token
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, change_state, open_account
from tests.conftest import Serve
from tests.parts import PATIENCE_S, ManualClock, Server
from tests.wire.sound import (
    WAVE_ALAW,
    WAVE_PCM,
    bearer,
    keep,
    key_with,
    mp3_file,
    read_wav,
    tone,
    wav_file,
)

#: A tone of 1.5 s between silences of 0.5 s, of which 0.15 s each are kept.
PAUSED = np.concatenate([np.zeros(8_000, "<i2"), tone(1.5), np.zeros(8_000, "<i2")])

OF_A_TOKEN = [operation for operation in OPERATIONS if "{token}" in operation.path]


@pytest.fixture
async def account(house: House) -> OpenedAccount:
    return await open_account(house, "Mairie")


def _problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a problem (RFC 9457); returns it."""
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told.get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert list(told) == ["type", "title", "status", "detail", "code"]
    assert (told["type"], told["status"]) == (f"urn:portevoix:problem:{code}", status)
    assert told["title"] and told["detail"]
    return told


async def _send_form(http: httpx2.AsyncClient, key: str, data: bytes, name: str = "Accueil") -> httpx2.Response:
    files = {"file": ("a file's own name.bin", data)}
    return await http.post("/v2/audio", data={"name": name}, files=files, headers=bearer(key))


async def _send_json(http: httpx2.AsyncClient, key: str, data: bytes, name: str = "Accueil") -> httpx2.Response:
    wanted = {"name": name, "content": base64.b64encode(data).decode()}
    return await http.post("/v2/audio", json=wanted, headers=bearer(key))


SEND = pytest.mark.parametrize("send", [_send_form, _send_json], ids=["form", "json"])


async def _request(http: httpx2.AsyncClient, operation: Operation, key: str | None, token: str) -> httpx2.Response:
    """Ask for an operation as its own declaration says it is asked for."""
    body = {}
    if operation.body is not None:
        fields = msgspec.structs.fields(operation.body)
        body = {"json": {field.encode_name: "autre nom" for field in fields if field.required}}
    path = operation.path.replace("{token}", token)
    return await http.request(operation.method, path, headers=bearer(key) if key else {}, **body)


# What is sent, and what becomes of it


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
        sent = (await _send_form(http, account.live_key, data)).json()
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
        _problem(await send(http, account.live_key, data), status, code)
        listed = await http.get("/v2/audio", headers=bearer(account.live_key))
    assert listed.json() == {"items": [], "next": None}


@SEND
async def test_a_file_over_the_limits_is_a_problem(account: OpenedAccount, serve: Serve, send: Any) -> None:
    data = wav_file(tone(2.0))
    async with serve(audio_bytes=len(data) - 1) as http:
        told = _problem(await send(http, account.live_key, data), 413, "audio_too_large")
        _problem(await send(http, account.live_key, bytes(len(data) + 200_000)), 413, "audio_too_large")
    assert str(len(data)) in told["detail"]
    async with serve(audio_bytes=len(data), audio_duration_s=2) as http:
        assert (await send(http, account.live_key, data)).status_code == 201
    async with serve(audio_duration_s=1) as http:
        _problem(await send(http, account.live_key, data), 413, "audio_too_long")


@SEND
@pytest.mark.parametrize("name", ["ab", "x" * 51, "a\nbc", "../secret", ".hidden", "ab\u202ec"])
async def test_a_name_that_may_not_be_is_a_problem(account: OpenedAccount, serve: Serve, send: Any, name: str) -> None:
    async with serve() as http:
        _problem(await send(http, account.live_key, wav_file(tone()), name), 400, "audio_name_invalid")


FORM = "multipart/form-data; boundary=abc"
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
        _problem(await http.post("/v2/audio", content=body, headers=headers), 400, "invalid_value")


async def test_an_upload_needs_no_content_type_for_json(account: OpenedAccount, serve: Serve) -> None:
    body = msgspec.json.encode({"name": "Accueil", "content": wav_file(tone()), "colour": "red"})
    async with serve() as http:
        answer = await http.post("/v2/audio", content=body, headers=bearer(account.live_key))
    assert answer.status_code == 201


# Byte ranges


async def test_parts_of_the_content_are_served(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "a second", 8_000)
    async with serve() as http:

        async def fetch(**headers: str) -> httpx2.Response:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            return await http.get(f"/v2/audio/{kept.token}/content", headers=bearer(account.live_key) | sent)

        whole = await fetch()
        body, tag = whole.content, whole.headers["etag"]
        assert (len(body), whole.headers["accept-ranges"]) == (16_044, "bytes")
        for asked, part, where in (
            ("bytes=0-43", body[:44], "0-43"),
            ("bytes=100-100", body[100:101], "100-100"),
            ("bytes=44-1043", body[44:1044], "44-1043"),
            ("bytes=-44", body[-44:], "16000-16043"),
            ("bytes=-99999", body, "0-16043"),
            ("bytes=16000-", body[16_000:], "16000-16043"),
            ("bytes=0-99999", body, "0-16043"),
        ):
            answer = await fetch(Range=asked)
            assert (answer.status_code, answer.headers["content-range"]) == (206, f"bytes {where}/16044"), asked
            assert (answer.content, answer.headers["etag"]) == (part, tag), asked
        for asked in ("bytes=16044-", "bytes=99999-999999", "bytes=-0", "bytes=5-4"):
            answer = await fetch(Range=asked)
            assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */16044"), asked
        for asked in ("bytes=0-1,4-5", "bytes=-", "seconds=0-1", "bytes", "bytes=a-b", "bytes=1-0x2"):
            answer = await fetch(Range=asked)
            assert (answer.status_code, answer.content) == (200, body), asked
        assert (await fetch(Range="bytes=0-9", If_Range=tag)).status_code == 206
        for changed in ('"another"', f"W/{tag}", "Tue, 13 Jan 2026 11:35:00 GMT"):
            answer = await fetch(Range="bytes=0-9", If_Range=changed)
            assert (answer.status_code, answer.content) == (200, body), changed


async def test_content_that_the_client_has_is_not_sent_again(
    house: House, account: OpenedAccount, serve: Serve
) -> None:
    kept = await keep(house, account.account, "a second", 8_000)
    content = f"/v2/audio/{kept.token}/content"
    async with serve() as http:
        tags = [
            (await http.get(f"{content}?encoding={encoding}", headers=bearer(account.live_key))).headers["etag"]
            for encoding in ("linear", "alaw")
        ]
        headers = {**bearer(account.live_key), "If-None-Match": tags[0]}
        known = await http.get(content, headers=headers)
        other = await http.get(f"{content}?encoding=alaw", headers=headers)
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tags[0])
    assert (other.status_code, other.headers["etag"]) == (200, tags[1])
    assert tags[0] != tags[1]


@pytest.mark.parametrize("written", ["W/{tag}", '"another", {tag}', "*"])
async def test_if_none_match_is_read_as_the_rfc_says(
    house: House, account: OpenedAccount, serve: Serve, written: str
) -> None:
    """RFC 9110, 13.1.2: a list, compared weakly, or ``*``."""
    kept = await keep(house, account.account, "a second", 8_000)
    content = f"/v2/audio/{kept.token}/content"
    async with serve() as http:
        tag = (await http.get(content, headers=bearer(account.live_key))).headers["etag"]
        headers = {**bearer(account.live_key), "If-None-Match": written.format(tag=tag)}
        assert (await http.get(content, headers=headers)).status_code == 304


async def test_the_head_of_the_content_has_its_length_and_no_body(
    house: House, account: OpenedAccount, serve: Serve
) -> None:
    kept = await keep(house, account.account, "a second", 8_000)
    async with serve() as http:
        answer = await http.head(f"/v2/audio/{kept.token}/content", headers=bearer(account.live_key))
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "16044")


async def test_an_encoding_that_nobody_knows_is_a_problem(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "a second")
    async with serve() as http:
        answer = await http.get(f"/v2/audio/{kept.token}/content?encoding=mp3", headers=bearer(account.live_key))
    _problem(answer, 400, "invalid_value")


# The list


async def test_the_list_comes_in_pages_oldest_first(
    house: House, account: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    kept = []
    for number in range(5):
        kept.append((await keep(house, account.account, f"number {number}")).token)
        clock.advance(microseconds=1)
    await keep(house, account.account, "the twin's", mode=Mode.SANDBOX)
    async with serve() as http:

        async def page(limit: int, after: str | None = None) -> tuple[list[str], str | None]:
            query = {"limit": limit, **({"after": after} if after else {})}
            answer = await http.get("/v2/audio", params=query, headers=bearer(account.live_key))
            assert answer.status_code == 200, answer.text
            return [item["token"] for item in answer.json()["items"]], answer.json()["next"]

        first, second = await page(2)
        assert first == kept[:2]
        kept.append((await keep(house, account.account, "a new one")).token)
        middle, third = await page(2, second)
        assert middle == kept[2:4]
        assert await page(2, third) == (kept[4:], None)  # as many as fit, and no empty page after
        assert await page(100) == (kept, None)
        assert await page(2, second) == (middle, third)
        # The place stays where it was, whatever becomes of what stood there.
        for token in (kept[1], kept[2]):
            await http.delete(f"/v2/audio/{token}", headers=bearer(account.live_key))
        assert (await page(2, second))[0] == kept[3:5]


async def test_recordings_of_one_moment_are_each_on_one_page(
    house: House, account: OpenedAccount, serve: Serve
) -> None:
    kept = [(await keep(house, account.account, f"number {number}")).token for number in range(7)]
    seen, after = [], ""
    async with serve() as http:
        while after is not None:
            answer = await http.get("/v2/audio", params={"limit": 3, "after": after}, headers=bearer(account.live_key))
            seen += [item["token"] for item in answer.json()["items"]]
            after = answer.json()["next"]
    assert sorted(seen) == sorted(kept)


async def test_a_page_has_fifty_items_where_nothing_is_said(
    house: House, account: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    kept = []
    for number in range(51):
        kept.append((await keep(house, account.account, f"number {number}", 10)).token)
        clock.advance(seconds=1)
    async with serve() as http:
        first = (await http.get("/v2/audio", headers=bearer(account.live_key))).json()
    assert [item["token"] for item in first["items"]] == kept[:50]
    assert first["next"]


async def test_a_page_that_is_none_is_a_problem(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "a second")
    async with serve() as http:
        for query in (
            *({"limit": limit} for limit in ("0", "101", "-1", "two", "1.5")),
            *({"after": after} for after in (kept.token, "0" * 32, "nonsense", "_", "2026-01-13_" + kept.token)),
        ):
            answer = await http.get("/v2/audio", params=query, headers=bearer(account.live_key))
            _problem(answer, 400, "invalid_value")
        for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2026-01-13T11:35:00Z"):
            query = {"after": f"{moment}_{kept.token}"}
            answer = await http.get("/v2/audio", params=query, headers=bearer(account.live_key))
            assert answer.status_code == 200, moment


async def test_another_accounts_place_shows_nothing_of_it(house: House, account: OpenedAccount, serve: Serve) -> None:
    stranger = await open_account(house, "Clinique")
    for number in range(2):
        await keep(house, stranger.account, f"a stranger's {number}")
    own = await keep(house, account.account, "my own")
    async with serve() as http:
        theirs = await http.get("/v2/audio?limit=1", headers=bearer(stranger.live_key))
        after = theirs.json()["next"]
        answer = await http.get("/v2/audio", params={"after": after}, headers=bearer(account.live_key))
    assert {item["token"] for item in answer.json()["items"]} <= {own.token}


# One recording


async def test_a_recording_gets_another_name(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "before")
    async with serve() as http:
        path = f"/v2/audio/{kept.token}"
        renamed = await http.patch(path, json={"name": "  e\u0301te\u0301  ", "x": 1}, headers=bearer(account.live_key))
        shown = await http.get(path, headers=bearer(account.live_key))
        for name in ("ab", "x" * 51, "a\x00bc"):
            answer = await http.patch(path, json={"name": name}, headers=bearer(account.live_key))
            _problem(answer, 400, "audio_name_invalid")
        for body in (b"", b"{}", b'{"name":null}', b'{"name":"after",}', b"[]"):
            answer = await http.patch(path, content=body, headers=bearer(account.live_key))
            _problem(answer, 400, "invalid_value")
        after = await http.get(path, headers=bearer(account.live_key))
    assert (renamed.status_code, renamed.json()["name"]) == (200, "été")
    assert renamed.json() == shown.json() == after.json()


async def test_a_deleted_recording_is_gone_everywhere(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "short-lived")
    async with serve() as http:
        path, headers = f"/v2/audio/{kept.token}", bearer(account.live_key)
        gone = await http.delete(path, headers=headers)
        for answer in (
            await http.get(path, headers=headers),
            await http.get(f"{path}/content", headers=headers),
            await http.delete(path, headers=headers),
        ):
            _problem(answer, 404, "audio_not_found")
        listed = [await http.get(f"/{door}", headers=headers) for door in ("v2/audio", "v1/audios")]
    assert (gone.status_code, gone.content) == (204, b"")
    assert [answer.json() for answer in listed] == [{"items": [], "next": None}, {"nb_datas": 0, "datas": []}]


@pytest.mark.parametrize("operation", OF_A_TOKEN, ids=lambda operation: operation.name)
async def test_another_accounts_recording_does_not_exist(
    house: House, account: OpenedAccount, serve: Serve, operation: Operation
) -> None:
    stranger = await open_account(house, "Clinique")
    parent = await open_account(house, "École", parent=account.account)
    kept = await keep(house, account.account, "private")
    async with serve() as http:
        for key in (stranger.live_key, account.test_key, parent.live_key):
            _problem(await _request(http, operation, key, kept.token), 404, "audio_not_found")
        for token in ("0" * 32, "nonsense", kept.token.upper()):
            _problem(await _request(http, operation, account.live_key, token), 404, "audio_not_found")
        untouched = await http.get(f"/v2/audio/{kept.token}", headers=bearer(account.live_key))
        own = await _request(http, operation, account.live_key, kept.token)
    assert untouched.json()["name"] == "private"
    assert own.status_code == operation.status, own.text


# Who may ask


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_every_operation_asks_for_a_right_key_with_its_scope(
    house: House, account: OpenedAccount, serve: Serve, operation: Operation
) -> None:
    others = await key_with(house, account.account, *(set(Scope) - {operation.scope}))
    async with serve() as http:
        missing = await _request(http, operation, None, "0" * 32)
        in_query = await http.request(operation.method, f"{operation.path}?apiKey={account.live_key}")
        wrong = await _request(http, operation, "pv_live_" + "0" * 64, "0" * 32)
        narrow = await _request(http, operation, others, "0" * 32)
        await change_state(house, AccountRef(account.account), State.BLOCKED)
        blocked = await _request(http, operation, account.live_key, "0" * 32)
    for answer, code in ((missing, "key_missing"), (in_query, "key_missing"), (wrong, "key_unknown")):
        _problem(answer, 401, code)
        assert answer.headers["www-authenticate"] == 'Bearer realm="portevoix"'
    _problem(narrow, 403, "scope_refused")
    _problem(blocked, 403, "account_blocked")


async def test_a_key_that_may_read_cannot_upload(house: House, account: OpenedAccount, serve: Serve) -> None:
    reading = await key_with(house, account.account, Scope.READ)
    async with serve() as http:
        _problem(await _send_form(http, reading, wav_file(tone())), 403, "scope_refused")
        assert (await http.get("/v2/audio", headers=bearer(reading))).json()["items"] == []


async def test_all_of_v2_shares_one_limit(account: OpenedAccount, serve: Serve, clock: ManualClock) -> None:
    now = int(clock.now().timestamp())
    async with serve(limit_v2="2/minute") as http:
        first = await http.get("/v2/voices", headers=bearer(account.live_key))
        second = await http.get("/v2/audio", headers=bearer(account.live_key))
        refused = await http.get("/v2/audio", headers=bearer(account.live_key))
        twin = await http.get("/v2/audio", headers=bearer(account.test_key))
        v1 = await http.get("/v1/audios", headers=bearer(account.live_key))
        clock.advance(seconds=30)
        again = await http.get("/v2/audio", headers=bearer(account.live_key))
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after")
    assert [[answer.headers.get(name) for name in names] for answer in (first, second, refused)] == [
        ["2", "1", str(now + 30), None],
        ["2", "0", str(now + 60), None],
        ["2", "0", str(now + 60), "30"],
    ]
    _problem(refused, 429, "rate_limited")
    assert [answer.status_code for answer in (twin, v1, again)] == [200] * 3


@pytest.mark.parametrize("path", ["/v2/", "/v2/nothing", "/v2/audio/", "/v2/audio/a/b", "/v2/me"])
async def test_a_path_that_is_not_there_is_a_problem(account: OpenedAccount, serve: Serve, path: str) -> None:
    async with serve() as http:
        answer = await http.get(path, headers=bearer(account.live_key))
    _problem(answer, 404, "not_found")


async def test_a_method_that_is_not_there_is_a_problem(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        answer = await http.put("/v2/audio", headers=bearer(account.live_key))
        told = _problem(answer, 405, "method_not_allowed")
    assert "nothing here" not in told["detail"]


def test_a_client_that_goes_away_in_the_middle_is_no_defect_of_the_server(server: Server) -> None:
    key = server.run("account", "create", "Mairie", "--json")["live_key"]
    before = _access_lines(server)
    head = (
        f"POST /v2/audio HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {FORM}\r\nContent-Length: 100000\r\n\r\n--abc\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(head.encode())
        client.settimeout(0.2)  # the server waits for the rest
        with pytest.raises(TimeoutError):
            client.recv(1)
    deadline = time.monotonic() + PATIENCE_S
    while _access_lines(server) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _access_lines(server) == before + 1
    assert [line for line in server.log().splitlines() if "request_failed" in line] == []
    assert httpx2.get(f"{server.url}/v2/audio", headers=bearer(key), trust_env=False).status_code == 200


def _access_lines(server: Server) -> int:
    return sum('"event":"request"' in line and '"route":"/v2/audio"' in line for line in server.log().splitlines())


# What is kept


async def test_equal_audio_is_stored_once(house: House, account: OpenedAccount, serve: Serve, url: str) -> None:
    stranger = await open_account(house, "Clinique")
    data = wav_file(PAUSED)
    async with serve() as http:
        keys = (account.live_key, account.live_key, account.test_key, stranger.live_key)
        sent = [(await _send_form(http, key, data, "le même")).json() for key in keys]
        other = (await _send_form(http, account.live_key, wav_file(tone(1.0, 600)))).json()
        await http.delete(f"/v2/audio/{sent[0]['token']}", headers=bearer(account.live_key))
        remaining = await http.get(f"/v2/audio/{sent[3]['token']}/content", headers=bearer(stranger.live_key))
    assert len({made["token"] for made in sent}) == 4
    with psycopg.connect(url) as connection:
        kept = connection.execute("SELECT encode(sha256, 'hex'), samples, octet_length(alaw) FROM sound").fetchall()
    expected = {made["sha256"]: round(made["duration_s"] * 8_000) for made in (sent[0], other)}
    assert {made["sha256"] for made in sent} == {sent[0]["sha256"]}
    assert sorted(kept) == sorted((digest, samples, samples) for digest, samples in expected.items())
    assert remaining.status_code == 200


async def test_a_sound_is_swept_when_its_last_recording_is_gone(
    opened: bootstrap.Opened, account: OpenedAccount, url: str
) -> None:
    recordings = opened.house.recordings
    kept = [await keep(opened.house, account.account, "the same", mode=mode) for mode in (Mode.LIVE, Mode.SANDBOX)]
    live, twin = [
        (await opened.house.accounts.find(AccountRef(account.account, mode))).id for mode in (Mode.LIVE, Mode.SANDBOX)
    ]
    await recordings.delete(live, kept[0].token)
    await opened.recordings.sweep()
    assert _sounds(url) == 1
    assert (await recordings.audio(twin, kept[1].token)).samples == 8_000
    await recordings.delete(twin, kept[1].token)
    assert _sounds(url) == 1  # until it is swept
    await opened.recordings.sweep()
    assert _sounds(url) == 0


async def test_a_sound_that_an_upload_is_taking_is_not_swept(
    opened: bootstrap.Opened, account: OpenedAccount, url: str
) -> None:
    first = await keep(opened.house, account.account, "first")
    live = (await opened.house.accounts.find(AccountRef(account.account))).id
    await opened.house.recordings.delete(live, first.token)
    async with opened.house.unit_of_work() as together:  # an upload that is not committed yet
        second = await keep(together, account.account, "second")
        async with asyncio.timeout(10):
            await opened.recordings.sweep()
    assert (await opened.house.recordings.audio(live, second.token)).samples == 8_000


async def test_an_upload_between_a_sweeps_look_and_its_cut_keeps_its_sound(
    opened: bootstrap.Opened, account: OpenedAccount, url: str
) -> None:
    """The sweep has begun, and has seen the sound unused; then an upload takes it. Nothing is lost, nothing fails."""
    first = await keep(opened.house, account.account, "first")
    live = (await opened.house.accounts.find(AccountRef(account.account))).id
    await opened.house.recordings.delete(live, first.token)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as gate:
        # What is to be deleted is looked up after this trigger, but as of the moment when the statement began.
        await gate.execute(
            "CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END$$"
        )
        await gate.execute(
            "CREATE TRIGGER gate BEFORE DELETE ON sound FOR EACH STATEMENT EXECUTE FUNCTION wait_at_gate()"
        )
        await gate.execute("SELECT pg_advisory_lock(1)")
        sweeping = asyncio.create_task(opened.recordings.sweep())
        await _until_waiting(gate, 1, sweeping)
        uploading = asyncio.create_task(keep(opened.house, account.account, "second"))
        await _until_waiting(gate, 2, uploading)  # or it is through: either is right
        await gate.execute("SELECT pg_advisory_unlock(1)")
        async with asyncio.timeout(10):
            second = await uploading
            await sweeping
    assert (await opened.house.recordings.audio(live, second.token)).samples == 8_000


async def test_sweeps_and_uploads_of_the_same_sounds_do_not_disturb_each_other(
    opened: bootstrap.Opened, account: OpenedAccount
) -> None:
    """Sounds come and go while they are swept: no sound is missed, and no sweep fails."""
    house, live = opened.house, (await opened.house.accounts.find(AccountRef(account.account))).id
    uploading = True
    sweeps = 0

    async def sweep() -> None:
        nonlocal sweeps
        while uploading:
            await opened.recordings.sweep()
            sweeps += 1

    async def upload(fill: int) -> None:
        nothing = Fraction(0)
        audio = TelephoneAudio(bytes([fill]) * 100)
        made = Upload(audio, "WAV", "pcm_s16le", 8_000, 1, False, nothing, nothing, nothing, nothing)
        for _ in range(100):
            token = recording_token(house.entropy(16))
            await house.recordings.keep(live, token, AudioName("busy"), made)
            assert (await house.recordings.audio(live, token)) == audio
            await house.recordings.delete(live, token)

    async def all_uploads() -> None:
        nonlocal uploading
        try:
            async with asyncio.TaskGroup() as uploads:
                for fill in range(6):
                    uploads.create_task(upload(fill))
        finally:
            uploading = False

    async with asyncio.timeout(60), asyncio.TaskGroup() as together:
        together.create_task(all_uploads())
        together.create_task(sweep())
    assert sweeps > 10


async def _until_waiting(gate: psycopg.AsyncConnection[Any], most: int, task: asyncio.Task[Any]) -> None:
    """Wait until so many statements wait for a lock, or the task has ended."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(10):
        while not task.done():
            row = await (await gate.execute(waiting)).fetchone()
            if row == (most,):
                return
            await asyncio.sleep(0.01)


def _sounds(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM sound").fetchone()
    assert row is not None
    return int(row[0])
