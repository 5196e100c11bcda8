"""A file in any format becomes the right telephone audio, and is refused with the right word."""

import asyncio
import os
import shutil
import signal
import subprocess
from fractions import Fraction

import numpy as np
import pytest
import soxr
from recordings import FORMATS, RATE_HZ, chirp, encode, in_format, lag_ms, spectral_distance_db, tone, voice

from portevoix.audio.condition import active_level_dbfs, limit_band
from portevoix.audio.g711 import alaw_decode
from portevoix.audio.sandbox import JobLimits
from portevoix.audio.upload import Uploads
from portevoix.domain.audio import (
    AudioBroken,
    AudioEmpty,
    AudioLimits,
    AudioTooLarge,
    AudioTooLong,
    AudioUnavailable,
    AudioUnsupported,
)


def at_telephone_rate(samples, rate_hz=RATE_HZ):
    """What the telephone should carry of a signal."""
    return limit_band(np.asarray(soxr.resample(samples, rate_hz, 8_000, "HQ"), np.float32))


def played(upload):
    """What a call plays of an upload, floats within ±1."""
    return (alaw_decode(upload.audio.alaw) / 32_768).astype(np.float32)


@pytest.mark.parametrize("kind", ["chirp", "voice"])
@pytest.mark.parametrize("form", FORMATS, ids=str)
async def test_a_recording_survives_its_format(uploads, form, kind):
    upload = await uploads.receive(in_format(kind, form))
    reference = at_telephone_rate((chirp if kind == "chirp" else voice)(2.0, form.rate_hz), form.rate_hz)
    heard = played(upload)
    assert upload.container == form.container
    assert (upload.rate_hz, upload.channels) == (form.rate_hz, form.channels)
    # To the millisecond, and to the sample where the format keeps its length.
    assert 0 <= (upload.source_duration_s - 2) * 1_000 <= Fraction(form.extra_ms)
    kept_s = upload.source_duration_s - upload.trimmed_start_s - upload.trimmed_end_s
    assert upload.audio.duration_s == kept_s
    shift_ms = lag_ms(reference, heard) + float(upload.trimmed_start_s) * 1_000
    assert abs(shift_ms) <= form.lag_ms
    assert spectral_distance_db(reference, heard) < form.distance_db
    assert active_level_dbfs(heard) == pytest.approx(-20, abs=0.5)
    assert np.abs(heard).max() < 0.93


async def test_another_recording_is_far_away(uploads):
    upload = await uploads.receive(in_format("voice", FORMATS[0]))
    assert spectral_distance_db(at_telephone_rate(voice(2.0, seed=2)), played(upload)) > 5
    assert spectral_distance_db(at_telephone_rate(chirp(2.0)), played(upload)) > 5


@pytest.mark.skipif(shutil.which("sox") is None, reason="the sox command is not installed")
async def test_sox_renders_the_same_telephone_audio(uploads, tmp_path):
    source, rendered = tmp_path / "source.wav", tmp_path / "rendered.wav"
    source.write_bytes(encode(voice(3.0)))
    command = ["sox", source, "-r", "8000", "-c", "1", "-e", "a-law", rendered, "sinc", "200-3400"]
    await asyncio.to_thread(subprocess.run, command, check=True)
    sox = alaw_decode(rendered.read_bytes()[-24_000:]) / 32_768
    right = played(await uploads.receive(source.read_bytes()))
    wrong = played(await uploads.receive(encode(voice(3.0, seed=2))))
    assert len(right) == len(sox)
    assert lag_ms(sox, right) == 0
    assert spectral_distance_db(sox, right) < 0.7
    assert residual_db(sox, right) < -25  # sox dithers, and A-law is coarse
    assert spectral_distance_db(sox, wrong) > 5
    assert residual_db(sox, wrong) > -3


def residual_db(reference, signal):
    """What is left of a signal when the best multiple of the reference is taken out of it."""
    gain = np.dot(reference, signal) / np.dot(reference, reference)
    rest = signal - gain * reference
    return 10 * np.log10(np.dot(rest, rest) / np.dot(signal, signal))


async def test_opposed_channels_do_not_cancel(uploads):
    one = voice(2.0)
    upload = await uploads.receive(encode(np.stack([one, -one]), channels=2))
    assert upload.antiphase
    assert spectral_distance_db(at_telephone_rate(one), played(upload)) < 0.7


async def test_channels_are_mixed(uploads):
    left, right = tone(1.0, 500), tone(1.0, 2_000)
    upload = await uploads.receive(encode(np.stack([left, right]), channels=2))
    assert not upload.antiphase
    spectrum = np.abs(np.fft.rfft(played(upload)))
    assert spectrum[500] == pytest.approx(spectrum[2_000], rel=0.05)


async def test_speech_in_the_centre_of_six_channels_is_heard(uploads):
    channels = np.zeros((6, RATE_HZ), np.float32)
    channels[2] = tone(1.0, 800)
    upload = await uploads.receive(encode(channels, channels=6))
    assert np.argmax(np.abs(np.fft.rfft(played(upload)))) == 800


async def test_silence_is_trimmed_and_told(uploads):
    silence = np.zeros(2 * RATE_HZ, np.float32)
    upload = await uploads.receive(encode(np.concatenate([silence, tone(1.0), silence])))
    assert float(upload.trimmed_start_s) == pytest.approx(1.85, abs=0.021)
    assert float(upload.trimmed_end_s) == pytest.approx(1.85, abs=0.021)
    assert upload.source_duration_s == 5
    assert upload.gain_db == pytest.approx(-6.5, abs=0.3)


async def test_a_damaged_end_costs_only_the_end(uploads):
    whole = in_format("voice", next(form for form in FORMATS if form.muxer == "mp3"))
    upload = await uploads.receive(whole[: len(whole) * 3 // 4])
    assert 1.3 < upload.source_duration_s < 1.6


async def test_the_same_file_gives_the_same_bytes(uploads):
    data = in_format("voice", next(form for form in FORMATS if form.codec == "libopus"))
    assert (await uploads.receive(data)).audio.sha256 == (await uploads.receive(data)).audio.sha256


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", AudioEmpty),
        (encode(np.zeros(RATE_HZ, np.float32)), AudioEmpty),
        (encode(tone(1.0))[:78], AudioEmpty),
        (b"Bonjour", AudioUnsupported),
        (encode(tone(0.5), "wav", "pcm_s16le", 2_000), AudioUnsupported),
        (encode(tone(1.0), "ogg", "flac", 44_100)[:300], AudioBroken),
        (b"fLaC" + os.urandom(2_000), AudioBroken),
    ],
    ids=["nothing", "silence", "header only", "text", "2 kHz", "cut", "noise"],
)
async def test_what_is_not_taken_is_refused_by_name(uploads, data, refusal):
    with pytest.raises(refusal):
        await uploads.receive(data)


async def test_limits_in_bytes_and_seconds(sandbox):
    uploads = Uploads(sandbox, AudioLimits(upload_bytes=200_000, duration_s=3))
    assert (await uploads.receive(encode(tone(3.0, rate_hz=8_000), rate_hz=8_000))).audio.duration_s == 3
    with pytest.raises(AudioTooLong):
        await uploads.receive(encode(tone(3.1, rate_hz=8_000), rate_hz=8_000))
    with pytest.raises(AudioTooLarge):
        await uploads.receive(bytes(200_001))


async def test_decoding_that_takes_too_long_is_refused(sandbox):
    uploads = Uploads(sandbox, job_limits=JobLimits(wall_s=0.000001))
    with pytest.raises(AudioTooLong):
        await uploads.receive(in_format("voice", FORMATS[0]))


async def test_when_the_sandbox_cannot_start_the_file_is_not_at_fault(sandbox, monkeypatch):
    os.kill(sandbox.process_id, signal.SIGSTOP)  # it takes no job any more
    uploads = Uploads(sandbox)
    monkeypatch.setattr("sys.executable", "/nonexistent")
    os.kill(sandbox.process_id, signal.SIGKILL)
    with pytest.raises(AudioUnavailable):
        await uploads.receive(in_format("voice", FORMATS[0]))
