"""What the tests of the audio operations send and read: small real files, uploads, and the insides of WAV answers."""

from __future__ import annotations

import base64
import io
import struct
import wave
from fractions import Fraction

import av
import httpx2
import msgspec
import numpy as np

from portevoix.api.v2.operation import Operation
from portevoix.domain.account import KeyTerms, Scope
from portevoix.domain.audio import AudioName, TelephoneAudio, Upload
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.recording import Recording, recording_token
from portevoix.ports import House
from portevoix.service.keys import create_key

WAVE_PCM, WAVE_ALAW = 1, 6

FORM = "multipart/form-data; boundary=abc"


def tone(seconds: float = 1.0, hz: float = 440.0, rate_hz: int = 16_000, level: float = 0.3) -> np.ndarray:
    """A sine, 16-bit, shape (n,)."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (32_767 * level * np.sin(2 * np.pi * hz * t)).astype("<i2")


def wav_file(samples: np.ndarray, rate_hz: int = 16_000) -> bytes:
    """Write a mono WAV."""
    target = io.BytesIO()
    with wave.open(target, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(samples.tobytes())
    return target.getvalue()


def mp3_file(samples: np.ndarray, rate_hz: int = 44_100) -> bytes:
    """Write a mono MP3 of 128 kb/s."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate_hz, layout="mono")
        stream.bit_rate = 128_000
        resampler = av.AudioResampler(stream.codec_context.format, "mono", rate_hz, stream.codec_context.frame_size)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return target.getvalue()


#: A tone of 1.5 s between silences of 0.5 s, of which 0.15 s each are kept.
PAUSED = np.concatenate([np.zeros(8_000, "<i2"), tone(1.5), np.zeros(8_000, "<i2")])


def read_wav(body: bytes) -> tuple[int, bytes]:
    """Take an answered WAV apart, its header checked; returns its encoding and its data."""
    assert (body[:4], body[8:12]) == (b"RIFF", b"WAVE")
    assert struct.unpack("<I", body[4:8]) == (len(body) - 8,)
    chunks, at = {}, 12
    while at < len(body):
        (size,) = struct.unpack("<I", body[at + 4 : at + 8])
        chunks[body[at : at + 4]] = body[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    encoding, channels, rate_hz = struct.unpack("<HHI", chunks[b"fmt "][:8])
    assert (channels, rate_hz) == (1, 8_000)
    return encoding, chunks[b"data"]


async def keep(
    house: House, account: str, name: str, samples: int = 8_000, mode: Mode = Mode.LIVE, fill: int = 0x55
) -> Recording:
    """Put a recording of so many samples into an account's library, without a file that it was made of."""
    found = await house.accounts.find(AccountRef(account, mode))
    nothing = Fraction(0)
    audio = TelephoneAudio(bytes([fill]) * samples)
    upload = Upload(audio, "WAV", "pcm_s16le", 8_000, 1, False, audio.duration_s, nothing, nothing, nothing)
    return await house.recordings.keep(found.id, recording_token(house.entropy(16)), AudioName.parse(name), upload)


async def key_with(house: House, account: str, *scopes: Scope) -> str:
    """Make a live key that may do only so much."""
    return (await create_key(house, AccountRef(account), KeyTerms("narrow", frozenset(scopes)))).secret


def bearer(key: str) -> dict[str, str]:
    """Send a key as the modern door takes it."""
    return {"Authorization": f"Bearer {key}"}


async def send_form(http: httpx2.AsyncClient, key: str, data: bytes, name: str = "Accueil") -> httpx2.Response:
    """Upload a file as a form."""
    files = {"file": ("a file's own name.bin", data)}
    return await http.post("/v2/audio", data={"name": name}, files=files, headers=bearer(key))


async def send_json(http: httpx2.AsyncClient, key: str, data: bytes, name: str = "Accueil") -> httpx2.Response:
    """Upload a file as JSON."""
    wanted = {"name": name, "content": base64.b64encode(data).decode()}
    return await http.post("/v2/audio", json=wanted, headers=bearer(key))


async def ask(http: httpx2.AsyncClient, operation: Operation, key: str | None, token: str) -> httpx2.Response:
    """Ask for an operation as its own declaration says it is asked for."""
    body = {}
    if operation.body is not None:
        fields = msgspec.structs.fields(operation.body)
        body = {"json": {field.encode_name: "autre nom" for field in fields if field.required}}
    path = operation.path.replace("{token}", token)
    return await http.request(operation.method, path, headers=bearer(key) if key else {}, **body)
