"""The client on recordings and speech: against a real server, and against one that answers oddly."""

from __future__ import annotations

import inspect
import io
import json
import logging
import os
import threading
import tracemalloc
import wave
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from portevoix.client import (
    AccessDenied,
    ApiError,
    AsyncVoicePartner,
    AudioRefused,
    ConnectionFailed,
    InvalidKey,
    NotFound,
    RateLimited,
    Recording,
    ServiceFailed,
    TextRefused,
    UnexpectedAnswer,
    VoicePartner,
)
from tests.client.odd_server import OddServer, tone_wav
from tests.parts import PATIENCE_S, Server

KEY = "pv_test_0123456789abcdef"
PARIS = ZoneInfo("Europe/Paris")

RECORDING = {
    "token": "0" * 32,
    "name": "rappel",
    "duration_s": 1.5,
    "billable_s": 2,
    "size_bytes": 24_044,
    "sha256": "0" * 64,
    "conditioning": {
        "container": "WAV",
        "codec": "pcm_s16le",
        "trimmed_start_s": 0.25,
        "trimmed_end_s": 0,
        "gain_db": -2.4,
    },
    "created_at": "2026-01-13T11:35:00Z",
}
AUDIO = {
    "name": "rappel",
    "token": "0" * 32,
    "size": "104.5Ko",
    "duration": "10:07",
    "created_at": {"date": "2026-07-13 13:26:46.000000", "timezone_type": 3, "timezone": "Europe/Paris"},
}

Use = Callable[[VoicePartner], object]

USES: dict[str, Use] = {
    "audios": lambda voice: voice.audios(),
    "rename": lambda voice: voice.rename_audio("0" * 32, "rappel"),
    "upload": lambda voice: voice.upload_audio(b"", "rappel"),
    "recordings": lambda voice: list(voice.recordings()),
    "recording": lambda voice: voice.recording("0" * 32),
    "delete": lambda voice: voice.delete_audio("0" * 32),
    "content": lambda voice: voice.audio_content("0" * 32),
    "speech": lambda voice: voice.speech("bonjour"),
    "voices": lambda voice: voice.voices(),
}


@pytest.fixture
def key(server: Server) -> str:
    """The key of a new account."""
    account: dict[str, str] = server.run("account", "create", "Mairie", "--json")
    return account["test_key"]


@pytest.fixture
def voice(server: Server, key: str):
    """A client of a new account."""
    with VoicePartner(key, base_url=server.url) as voice:
        yield voice


@pytest.fixture(scope="module")
def visitor(server: Server):
    """A client of an account whose library stays empty."""
    account = server.run("account", "create", "Visiteur", "--json")
    with VoicePartner(account["test_key"], base_url=server.url) as voice:
        yield voice


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """A file of one second."""
    path = tmp_path / "rappel.wav"
    path.write_bytes(tone_wav())
    return path


def samples_of(body: bytes) -> int:
    with wave.open(io.BytesIO(body)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (8_000, 1, 2)
        return reader.getnframes()


def asking(server: OddServer) -> VoicePartner:
    return VoicePartner(KEY, base_url=server.url)


# A real server.


def test_an_uploaded_file_is_a_recording_under_the_files_name(voice: VoicePartner, wav: Path) -> None:
    before = datetime.now(UTC)
    kept = voice.upload_audio(wav)
    assert (kept.name, kept.duration, kept.billable_s) == ("rappel.wav", timedelta(seconds=1), 1)
    assert kept.size_bytes == 44 + 2 * 8_000
    assert (kept.conditioning.container, kept.conditioning.codec) == ("WAV", "pcm_s16le")
    assert before <= kept.created_at <= datetime.now(UTC)
    assert voice.recording(kept.token) == kept
    assert samples_of(voice.audio_content(kept.token)) == 8_000


def test_bytes_are_uploaded_under_the_name_that_they_are_given(voice: VoicePartner) -> None:
    assert voice.upload_audio(tone_wav(), "Fermeture de l’école").name == "Fermeture de l’école"
    with pytest.raises(ValueError, match="needs a name"):
        voice.upload_audio(tone_wav())


def test_an_empty_name_is_refused_and_not_replaced(voice: VoicePartner, wav: Path) -> None:
    with pytest.raises(AudioRefused) as refused:
        voice.upload_audio(wav, "")
    assert refused.value.code == "audio_name_invalid"


def test_a_file_that_no_path_can_be_written_of_in_unicode_is_uploaded(voice: VoicePartner, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9.wav")
    try:
        Path(path).write_bytes(tone_wav())
    except OSError:
        pytest.skip("this file system takes names in Unicode alone")
    assert voice.upload_audio(path).name == "?t?.wav"


def test_a_pipe_is_uploaded(voice: VoicePartner, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(tone_wav(),), daemon=True)
    writer.start()
    assert voice.upload_audio(pipe, "rappel").duration == timedelta(seconds=1)
    writer.join(PATIENCE_S)


def test_progress_goes_from_nothing_to_the_whole_file(voice: VoicePartner, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(tone_wav(20))
    told: list[tuple[int, int]] = []
    voice.upload_audio(path, progress=lambda sent, total: told.append((sent, total)))
    length = path.stat().st_size
    assert told[0] == (0, length)
    assert told[-1] == (length, length)
    assert told == sorted(set(told))
    assert len(told) > 4


def test_all_pages_of_the_library_are_gone_through(voice: VoicePartner) -> None:
    names = [f"rappel {number}" for number in range(101)]
    data = tone_wav(0.1)
    for name in names:
        voice.upload_audio(data, name)
    assert [kept.name for kept in voice.recordings()] == names
    assert [audio.name for audio in voice.audios()] == names


def test_v1_lists_the_same_library_in_paris_time(voice: VoicePartner, wav: Path) -> None:
    kept = voice.upload_audio(wav)
    (audio,) = voice.audios()
    assert (audio.name, audio.token, audio.size) == (kept.name, kept.token, "15.7Ko")
    assert audio.duration == timedelta(seconds=1)
    assert audio.created_at == kept.created_at
    assert audio.created_at.tzinfo == PARIS


def test_a_renamed_recording_bears_the_name_that_is_returned(voice: VoicePartner, wav: Path) -> None:
    kept = voice.upload_audio(wav)
    assert voice.rename_audio(kept.token, "  Crue  ") == "Crue"
    assert voice.recording(kept.token).name == "Crue"


def test_a_deleted_recording_is_gone(voice: VoicePartner, wav: Path) -> None:
    kept = voice.upload_audio(wav)
    voice.delete_audio(kept.token)
    assert list(voice.recordings()) == []
    for use in (voice.recording, voice.audio_content, voice.delete_audio):
        with pytest.raises(NotFound):
            use(kept.token)


def test_speech_is_a_wav_that_is_shorter_at_a_higher_rate(visitor: VoicePartner) -> None:
    slow, fast = (samples_of(visitor.speech("Bonjour, la piscine est fermée.", "fr", rate)) for rate in (1, 2))
    assert fast < slow < 8_000 * 10


def test_the_first_voice_is_french(visitor: VoicePartner) -> None:
    voices = visitor.voices()
    assert voices[0].lang.startswith("fr")
    assert len({spoken.id for spoken in voices}) == len(voices)


@pytest.mark.parametrize(
    ("use", "kind", "code"),
    [
        (lambda voice: voice.rename_audio("0" * 32, "rappel"), NotFound, "AUDIO_FILE_NOT_FOUND"),
        (lambda voice: voice.rename_audio("0" * 32, "x"), AudioRefused, "FILENAME_INVALID"),
        (lambda voice: voice.upload_audio(b"", "rappel"), AudioRefused, "audio_empty"),
        (lambda voice: voice.upload_audio(b"no audio", "rappel"), AudioRefused, "audio_unsupported"),
        (lambda voice: voice.upload_audio(tone_wav(), "x"), AudioRefused, "audio_name_invalid"),
        (lambda voice: voice.recording("../voices"), NotFound, "not_found"),
        (lambda voice: voice.recording(""), NotFound, "not_found"),
        (lambda voice: voice.speech(" "), TextRefused, "text_required"),
        (lambda voice: voice.speech("a" * 2_001), TextRefused, "text_too_long"),
        (lambda voice: voice.speech("bonjour", "xx"), TextRefused, "lang_invalid"),
        (lambda voice: voice.speech("bonjour", "fr", float("nan")), TextRefused, "speech_rate_invalid"),
        (lambda voice: voice.speech("\ud83d"), ApiError, "invalid_value"),
    ],
)
def test_a_refusal_is_told_by_its_kind_and_code(
    visitor: VoicePartner, use: Use, kind: type[ApiError], code: str
) -> None:
    with pytest.raises(kind) as refused:
        use(visitor)
    assert refused.value.code == code
    assert refused.value.message
    assert 400 <= refused.value.status < 500


@pytest.mark.parametrize("wrong", ["pv_test_wrong", "clé", "\ud83d", "two\nlines", "a?b#c"])
@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_wrong_key_is_told_alike_on_both_doors(server: Server, use: Use, wrong: str) -> None:
    with VoicePartner(wrong, base_url=server.url) as voice, pytest.raises(InvalidKey) as refused:
        use(voice)
    assert refused.value.status == 401


def test_a_key_with_blanks_around_it_is_the_key(server: Server, key: str) -> None:
    with VoicePartner(f" {key}\n", base_url=server.url) as voice:
        assert voice.audios() == list(voice.recordings()) == []


def test_a_key_that_may_only_read_is_denied_the_rest(server: Server) -> None:
    account = server.run("account", "create", "Mairie", "--json")["account"]
    made = server.run("key", "create", f"{account}/sandbox", "--scopes", "read", "--json")
    with VoicePartner(made["secret"], base_url=server.url) as voice:
        assert voice.audios() == []
        for use in ("rename", "upload", "delete", "speech"):
            with pytest.raises(AccessDenied):
                USES[use](voice)


def test_too_many_requests_tell_how_long_to_wait(voice: VoicePartner) -> None:
    with pytest.raises(RateLimited) as refused:
        for _ in range(6):
            with pytest.raises(NotFound):
                voice.rename_audio("0" * 32, "rappel")
    assert refused.value.retry_after is not None
    assert 0 < refused.value.retry_after <= 60


async def test_the_async_client_does_the_same(server: Server, key: str, wav: Path) -> None:
    told: list[tuple[int, int]] = []
    async with AsyncVoicePartner(key, base_url=server.url) as voice:
        kept = await voice.upload_audio(wav, progress=lambda sent, total: told.append((sent, total)))
        assert told[-1] == (len(tone_wav()), len(tone_wav()))
        assert [item async for item in voice.recordings()] == [await voice.recording(kept.token)] == [kept]
        assert await voice.rename_audio(kept.token, "Crue") == "Crue"
        assert [audio.name for audio in await voice.audios()] == ["Crue"]
        assert samples_of(await voice.audio_content(kept.token)) == 8_000
        await voice.delete_audio(kept.token)
        with pytest.raises(NotFound):
            await voice.recording(kept.token)
        assert samples_of(await voice.speech("bonjour")) > 1_000
        assert (await voice.voices())[0].lang.startswith("fr")


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: type) -> dict[str, list[inspect.Parameter]]:
        public = inspect.getmembers(client, lambda item: inspect.isfunction(item) and item.__name__[0] != "_")
        return {name: list(inspect.signature(method).parameters.values()) for name, method in public}

    asked = methods(AsyncVoicePartner)
    asked["close"] = asked.pop("aclose")
    assert methods(VoicePartner) == asked


# One that answers oddly.


def test_the_key_goes_where_each_door_documents_it() -> None:
    with OddServer() as server, asking(server) as voice:
        for use in USES.values():
            with pytest.raises(UnexpectedAnswer):
                use(voice)
                raise UnexpectedAnswer("a deletion says nothing", 200)
    listed, renamed, *others = server.asked
    assert listed.path == f"/v1/audios/{KEY}"
    assert json.loads(renamed.body) == {"apiKey": KEY, "tokenAudio": "0" * 32, "filename": "rappel"}
    assert [asked.headers.get("Authorization") for asked in (listed, renamed)] == [None, None]
    for asked in others:
        assert asked.headers["Authorization"] == f"Bearer {KEY}"
        assert KEY not in asked.path
        assert KEY.encode() not in asked.body


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
@pytest.mark.parametrize("level", [200, 401, 404, 500])
def test_the_key_is_in_no_exception_repr_or_log(use: Use, level: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bodies = (
        f'{{"success": false, "code": 404, "message": "No route found for GET /v1/audios/{KEY}"}}',
        f'{{"code": "{KEY}", "detail": "{KEY}"}}',
        f'{{"datas": ["{KEY}"], "items": ["{KEY}"], "filename": 1, "token": "{KEY}", "conditioning": "{KEY}"}}',
        f"<html>{KEY}</html>",
    )
    for body in bodies:
        with OddServer(level, body.encode()) as server, asking(server) as voice:
            with pytest.raises((ApiError, UnexpectedAnswer)) as raised:
                use(voice)
                raise UnexpectedAnswer("a deletion says nothing", 200)
            assert KEY not in f"{raised.value!r} {raised.value} {vars(raised.value)} {voice!r} {vars(voice)}"
    assert "HTTP Request" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>Welcome</html>"),
        (200, b""),
        (200, b"[]"),
        (200, b"[" * 100_000),
        (200, b'{"items": 1, "datas": 1, "filename": 1}' + b"\xff"),
        (302, b"{}"),
        (404, b'{"detail": "Not Found"}'),
        (502, b"<html>Bad Gateway</html>"),
    ],
)
def test_what_is_no_answer_of_the_api_is_unexpected(use: Use, status: int, body: bytes) -> None:
    with OddServer(status, body) as server, asking(server) as voice, pytest.raises(UnexpectedAnswer) as raised:
        use(voice)
    assert raised.value.status == status


@pytest.mark.parametrize(
    "part",
    [
        {"token": 1},
        {"name": None},
        {"duration_s": "1"},
        {"duration_s": True},
        {"duration_s": float("nan")},
        {"duration_s": 1e300},
        {"billable_s": 1.5},
        {"size_bytes": None},
        {"conditioning": None},
        {"conditioning": {}},
        {"created_at": "yesterday"},
        {"created_at": "2026-01-13T11:35:00"},
    ],
)
def test_a_recording_with_a_field_of_another_kind_is_unexpected(part: dict[str, object]) -> None:
    body = json.dumps(RECORDING | part).encode()
    with OddServer(200, body) as server, asking(server) as voice, pytest.raises(UnexpectedAnswer, match="recording"):
        voice.recording("0" * 32)


@pytest.mark.parametrize(
    "part",
    [
        {"size": 107_000},
        {"duration": "7"},
        {"duration": "0:0x"},
        {"created_at": "2026-07-13 13:26:46"},
        {"created_at": {"date": "2026-07-13 13:26:46", "timezone": "../etc"}},
        {"created_at": {"date": "2026-07-13 13:26:46", "timezone": "Europe/Nowhere"}},
    ],
)
def test_an_audio_file_with_a_field_of_another_kind_is_unexpected(part: dict[str, object]) -> None:
    body = json.dumps({"nb_datas": 1, "datas": [AUDIO | part]}).encode()
    with OddServer(200, body) as server, asking(server) as voice, pytest.raises(UnexpectedAnswer, match="list"):
        voice.audios()


def test_every_field_is_read_and_further_ones_are_let_be() -> None:
    with OddServer(200, json.dumps(RECORDING | {"later": 1}).encode()) as server, asking(server) as voice:
        kept = voice.recording("0" * 32)
        server.body = json.dumps({"nb_datas": 1, "datas": [AUDIO | {"later": 1}]}).encode()
        (audio,) = voice.audios()
    assert isinstance(kept, Recording)
    assert (kept.duration, kept.conditioning.trimmed_start) == (timedelta(seconds=1.5), timedelta(seconds=0.25))
    assert kept.created_at == datetime(2026, 1, 13, 11, 35, tzinfo=UTC)
    assert (audio.size, audio.duration) == ("104.5Ko", timedelta(minutes=10, seconds=7))
    assert audio.created_at == datetime(2026, 7, 13, 13, 26, 46, tzinfo=PARIS)
    assert audio.created_at.utcoffset() == timedelta(hours=2)


def test_a_page_that_is_followed_by_itself_ends_the_walk() -> None:
    body = json.dumps({"items": [RECORDING], "next": "0" * 32}).encode()
    with OddServer(200, body) as server, asking(server) as voice, pytest.raises(UnexpectedAnswer, match="by itself"):
        list(voice.recordings())
    assert [asked.path for asked in server.asked] == ["/v2/audio?limit=100", f"/v2/audio?limit=100&after={'0' * 32}"]


@pytest.mark.parametrize(
    ("told", "seconds"), [("7", 7), (None, None), ("\xb2", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)]
)
def test_a_failure_of_the_service_tells_when_to_come_back(told: str | None, seconds: float | None) -> None:
    body = b'{"code": "audio_unavailable", "detail": "later"}'
    headers = {"Retry-After": told} if told else {}
    with OddServer(503, body, headers) as server, asking(server) as voice, pytest.raises(ServiceFailed) as raised:
        voice.upload_audio(tone_wav(), "rappel")
    assert (raised.value.code, raised.value.message) == ("audio_unavailable", "later")
    assert raised.value.retry_after == seconds


def test_a_code_that_nobody_knows_is_told_as_it_is() -> None:
    body = b'{"code": "audio_asleep", "detail": "a send on Monday plays it"}'
    with OddServer(409, body) as server, asking(server) as voice, pytest.raises(ApiError) as raised:
        voice.delete_audio("0" * 32)
    assert (type(raised.value), raised.value.code, raised.value.status) == (ApiError, "audio_asleep", 409)


def test_a_connection_that_breaks_is_told(wav: Path) -> None:
    with OddServer(hangs_up=100) as server, asking(server) as voice, pytest.raises(ConnectionFailed, match="broke"):
        voice.upload_audio(wav)


def test_what_is_no_url_is_told() -> None:
    with pytest.raises(ConnectionFailed), VoicePartner(KEY, base_url="nonsense") as voice:
        voice.voices()


def test_a_file_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.truncate(32 * 1_024 * 1_024)
    with OddServer(200, json.dumps(RECORDING).encode(), keeps=False) as server, asking(server) as voice:
        tracemalloc.start()
        try:
            voice.upload_audio(path)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert int(server.asked[0].headers["Content-Length"]) > 32 * 1_024 * 1_024
    assert peak_bytes < 2 * 1_024 * 1_024


def test_a_file_that_grows_while_it_is_sent_is_sent_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    begun = tone_wav(30)
    path.write_bytes(begun)

    def grow(_sent: int, _total: int) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    with OddServer(200, json.dumps(RECORDING).encode()) as server, asking(server) as voice:
        voice.upload_audio(path, progress=grow)
    (asked,) = server.asked
    assert begun in asked.body
    assert begun + b"more" not in asked.body


def test_a_file_that_shrinks_while_it_is_sent_ends_the_upload(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(tone_wav(30))
    with OddServer() as server, asking(server) as voice, pytest.raises(OSError, match="shorter"):
        voice.upload_audio(path, progress=lambda sent, total: os.truncate(path, 1_000) if sent else None)


def test_a_file_that_is_not_there_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with OddServer() as server, asking(server) as voice, pytest.raises(FileNotFoundError):
        voice.upload_audio(tmp_path / "none.wav")
    assert server.asked == []
