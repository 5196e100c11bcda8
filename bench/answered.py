"""Calls as they are answered, generated from a seed: who or what answers, as A-law, and what is true of it.

Voices are the shipped engine's, at other pitches and speeds; everything goes through the telephone's band, a line's
noise and A-law. It is synthetic: it shows that the analyser does what it should on such sound, and how a change of it
compares; no field.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from bench.greetings import Greetings
from portevoix.audio.condition import limit_band, to_pcm16
from portevoix.audio.g711 import alaw_decode, alaw_encode
from portevoix.domain.audio import RATE_HZ
from portevoix.domain.speech import SpeechRate, Utterance
from portevoix.ports import Speech

Samples = npt.NDArray[np.float64]

VOICES = ("fr", "fr-be", "fr-ch")
RATES_PERCENT = (85, 95, 105, 115)
SPEECH_DBFS = -20.0  # what the engine levels to
SPOKEN_AT_ONCE = 4


class Kind(StrEnum):
    """Who or what answers."""

    HELLO = "person, a word or two"
    SHORT = "person, a short greeting"
    BUSINESS = "person, a long business greeting"
    RADIO = "person, a radio behind"
    MACHINE = "machine, greeting and beep"
    CURT = "machine, a greeting as short as a person's, and beep"
    NO_BEEP = "machine, greeting alone"
    BEEP = "machine, beep alone"
    MUSIC = "machine, music, greeting and beep"
    SILENCE = "silence"
    NOISE = "noise"
    BUSY = "busy tone"
    SIT = "special information tone"
    FAX = "fax"


@dataclass(frozen=True, slots=True)
class Beep:
    """A beep that is there."""

    start_ms: int
    end_ms: int
    frequency_hz: float


@dataclass(frozen=True, slots=True)
class Answered:
    """One call: what it is, and what is heard of it."""

    kind: Kind
    alaw: bytes
    beep: Beep | None


@dataclass(frozen=True, slots=True)
class Line:
    """Something that is said: a text by a voice, at a pitch."""

    utterance: Utterance
    pitch: float


class Script:
    """How a call goes, before it is spoken: pieces of sound one after the other."""

    def __init__(self, kind: Kind, draw: random.Random, greetings: Greetings) -> None:
        self.kind, self.random, self.greetings = kind, draw, greetings
        self.pieces: list[Samples | Line] = []
        self.beep_at: int | None = None
        self.beep_hz = 0.0
        self.speech_dbfs = draw.uniform(-32, -12)
        self.snr_db = draw.choice((40, 40, 30, 25, 20, 15))
        self.voice, self.rate = draw.choice(VOICES), SpeechRate(draw.choice(RATES_PERCENT))
        self.pitch = draw.uniform(0.85, 1.2)
        self.radio_dbfs: float | None = None

    def say(self, texts: Sequence[str]) -> None:
        """Say one of some texts."""
        self.pieces.append(Line(Utterance(self.random.choice(texts), self.voice, self.rate), self.pitch))

    def wait(self, shortest_s: float, longest_s: float, usual_s: float | None = None) -> None:
        """Say nothing for a while."""
        wait_s = self.random.triangular(shortest_s, longest_s, usual_s)
        self.pieces.append(np.zeros(round(wait_s * RATE_HZ)))

    def sound(self, samples: Samples) -> None:
        """Let a sound be heard."""
        self.pieces.append(samples)

    def beep(self) -> None:
        """Beep: 400 to 1,400 Hz, 0.15 to 1 s, some of two tones, from 8 dB under the speech to 6 dB over it."""
        self.beep_at, self.beep_hz = len(self.pieces), self.random.uniform(400, 1_400)
        level_dbfs = min(self.speech_dbfs + self.random.uniform(-8, 6), -7)
        frequencies = (self.beep_hz, self.beep_hz * 1.5)[: 2 if self.random.random() < 0.15 else 1]
        self.sound(tone(frequencies, self.random.uniform(0.15, 1.0), level_dbfs))


def tone(frequencies_hz: Sequence[float], duration_s: float, level_dbfs: float) -> Samples:
    """A tone of one or more frequencies, with edges of 4 ms."""
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    wave = np.sum([np.sin(2 * np.pi * frequency_hz * t) for frequency_hz in frequencies_hz], axis=0)
    edge = np.minimum(1, np.arange(len(t)) / 32)
    return np.asarray(wave * edge * edge[::-1] * 10 ** (level_dbfs / 20) * np.sqrt(2 / len(frequencies_hz)))


def cadence(frequency_hz: float, on_s: float, off_s: float, times: int, level_dbfs: float) -> Samples:
    """A tone that comes and goes."""
    once = np.concatenate([tone([frequency_hz], on_s, level_dbfs), np.zeros(round(off_s * RATE_HZ))])
    return np.tile(once, times)


def music(draw: random.Random, count: int, level_dbfs: float) -> Samples:
    """Chords of plucked notes with their overtones, one after the other."""
    out = np.zeros(count)
    at = 0
    while at < len(out):
        length = min(round(draw.uniform(0.15, 0.6) * RATE_HZ), len(out) - at)
        t = np.arange(length) / RATE_HZ
        root_hz = 220 * 2 ** (draw.randint(0, 24) / 12)
        for interval in draw.sample((0, 3, 4, 7, 12), 3):
            note_hz = root_hz * 2 ** (interval / 12)
            overtones = [np.sin(2 * np.pi * note_hz * n * t) / n for n in (1, 2, 3, 4) if note_hz * n < RATE_HZ / 2]
            out[at : at + length] += np.sum(overtones, axis=0) * np.exp(-t * draw.uniform(1, 6))
        at += length
    return out * (10 ** (level_dbfs / 20) / np.sqrt(np.mean(out**2)))


def noise(draw: random.Random, count: int) -> Samples:
    """A line's noise at 0 dBFS: white, pink, or with mains hum."""
    rng = np.random.default_rng(draw.getrandbits(32))
    samples = rng.standard_normal(count)
    kind = draw.choice(("white", "pink", "hum"))
    if kind == "pink":
        spectrum = np.fft.rfft(samples)
        samples = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), count)
    elif kind == "hum":
        t = np.arange(count) / RATE_HZ
        samples = 0.3 * samples + np.sum([np.sin(100 * np.pi * n * t) / n for n in (1, 2, 3, 5)], axis=0)
    return np.asarray(samples / np.sqrt(np.mean(samples**2)))


def _person(script: Script, texts: Sequence[str]) -> None:
    script.wait(0.1, 1.2)
    script.say(texts)
    for _ in range(2):
        script.wait(1.6, 3.0)
        script.say(script.greetings.hello)
    script.wait(1.5, 2.5)


def _machine(script: Script, texts: Sequence[str], *, beeps: bool = True) -> None:
    script.wait(0.1, 2.0, 0.6)
    script.say(texts)
    script.wait(0.15, 1.2)
    if beeps:
        script.beep()
    script.wait(6, 6)


def _radio(script: Script) -> None:
    script.radio_dbfs = script.speech_dbfs - script.random.uniform(12, 25)
    _person(script, (*script.greetings.hello, *script.greetings.short))


def _music(script: Script) -> None:
    script.wait(0.1, 1.0)
    script.sound(music(script.random, round(script.random.uniform(2, 4) * RATE_HZ), script.speech_dbfs))
    _machine(script, script.greetings.machine)


def _beep(script: Script) -> None:
    script.wait(0.2, 3.0, 1.0)
    script.beep()
    script.wait(6, 6)


def _silence(script: Script) -> None:
    script.speech_dbfs, script.snr_db = script.random.uniform(-50, -30), 40
    script.wait(10, 10)


def _noise(script: Script) -> None:
    script.speech_dbfs, script.snr_db = script.random.uniform(-50, -30), 0
    script.wait(10, 10)


def _busy(script: Script) -> None:
    frequency_hz, half_s = script.random.choice(((440, 0.5), (440, 0.25), (425, 0.5), (425, 0.24), (400, 0.375)))
    script.wait(0.1, 1.0)
    script.sound(cadence(frequency_hz, half_s, half_s, 10, script.speech_dbfs))


def _sit(script: Script) -> None:
    script.wait(0.1, 1.0)
    level_dbfs, length_s = script.speech_dbfs, script.random.uniform(0.27, 0.39)
    for frequency_hz in (950, 1_400, 1_800):  # ITU-T E.180, each within 50 Hz
        script.sound(tone([frequency_hz + script.random.uniform(-45, 45)], length_s, level_dbfs))
        script.wait(0, 0.03)
    script.wait(0.5, 1.0)
    script.say(script.greetings.network)
    script.wait(4, 4)


def _fax(script: Script) -> None:
    level_dbfs = script.speech_dbfs
    script.wait(0.2, 2.0)
    if script.random.random() < 0.5:
        script.sound(tone([2_100 + script.random.uniform(-15, 15)], script.random.uniform(2.6, 4.0), level_dbfs))
    else:
        script.sound(cadence(1_100 + script.random.uniform(-38, 38), 0.5, 3.0, 3, level_dbfs))
    script.wait(2, 2)


_DIRECTIONS: Mapping[Kind, Callable[[Script], None]] = {
    Kind.HELLO: lambda script: _person(script, script.greetings.hello),
    Kind.SHORT: lambda script: _person(script, script.greetings.short),
    Kind.BUSINESS: lambda script: _person(script, script.greetings.business),
    Kind.RADIO: _radio,
    Kind.MACHINE: lambda script: _machine(script, script.greetings.machine),
    Kind.CURT: lambda script: _machine(script, script.greetings.curt),
    Kind.NO_BEEP: lambda script: _machine(script, script.greetings.machine, beeps=False),
    Kind.BEEP: _beep,
    Kind.MUSIC: _music,
    Kind.SILENCE: _silence,
    Kind.NOISE: _noise,
    Kind.BUSY: _busy,
    Kind.SIT: _sit,
    Kind.FAX: _fax,
}


async def answered_calls(
    engine: Speech, seed: int, greetings: Greetings, counts: Mapping[Kind, int]
) -> Sequence[Answered]:
    """Make calls: the same for the same seed.

    Args:
        engine: says the texts; a text is said once a voice and a rate.
        counts: how many of each kind.
    """
    scripts = []
    for kind, count in counts.items():
        for number in range(count):
            script = Script(kind, random.Random(f"{seed} {kind} {number}"), greetings)
            _DIRECTIONS[kind](script)
            scripts.append(script)
    lines = (piece.utterance for script in scripts for piece in script.pieces if isinstance(piece, Line))
    spoken = await _spoken(engine, lines)
    return [_played(script, spoken) for script in scripts]


async def _spoken(engine: Speech, utterances: Iterable[Utterance]) -> Mapping[Utterance, Samples]:
    gate = asyncio.Semaphore(SPOKEN_AT_ONCE)

    async def speak(utterance: Utterance) -> Samples:
        async with gate:
            audio = await engine.speak(utterance)
        return np.asarray(alaw_decode(audio.alaw) / 32_768)

    different = list(dict.fromkeys(utterances))
    return dict(zip(different, await asyncio.gather(*map(speak, different)), strict=True))


def _played(script: Script, spoken: Mapping[Utterance, Samples]) -> Answered:
    """Play a script over a line: at its level, with its noise, in the telephone's band and code."""
    gain = 10 ** ((script.speech_dbfs - SPEECH_DBFS) / 20)
    sounds = [
        gain * _at_pitch(spoken[piece.utterance], piece.pitch) if isinstance(piece, Line) else piece
        for piece in script.pieces
    ]
    samples = np.concatenate(sounds)
    if script.radio_dbfs is not None:
        samples += music(script.random, len(samples), script.radio_dbfs)
    line_dbfs = script.speech_dbfs - script.snr_db
    samples += 10 ** (line_dbfs / 20) * noise(script.random, len(samples))
    samples += 10 ** (-68 / 20) * np.random.default_rng(script.random.getrandbits(32)).standard_normal(len(samples))
    alaw = alaw_encode(to_pcm16(limit_band(samples.astype(np.float32))))
    return Answered(script.kind, alaw, _true_beep(script, sounds))


def _true_beep(script: Script, sounds: Sequence[Samples]) -> Beep | None:
    if script.beep_at is None:
        return None
    start = sum(map(len, sounds[: script.beep_at]))
    return Beep(start // 8, (start + len(sounds[script.beep_at])) // 8, script.beep_hz)


def _at_pitch(samples: Samples, pitch: float) -> Samples:
    """Another speaker: faster and higher, or slower and lower."""
    return np.interp(np.arange(0, len(samples) - 1, pitch), np.arange(len(samples)), samples)
