"""How audio and speech are made: the sandbox, uploads, and the speech engine that the operator chose."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from portevoix.audio.sandbox import JobModule, Sandbox
from portevoix.audio.upload import Uploads
from portevoix.audio.wav import WavFiles
from portevoix.domain.audio import AudioLimits
from portevoix.domain.speech import SpeechLimits
from portevoix.ports import Speech
from portevoix.settings import Settings
from portevoix.speech.cache import CachedSpeech
from portevoix.speech.espeak import EspeakSpeech
from portevoix.speech.http import HttpEndpoint, HttpSpeech
from portevoix.speech.piper import PiperModel, PiperSpeech, find_models, piper_module

CACHE_BYTES = 16 * 1_024 * 1_024


class StudioFailure(Exception):
    """The speech engine that was chosen cannot be set up; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Studio:
    """What the operator has chosen.

    Args:
        limits: of an upload.
        engine: ``espeak-ng``, ``piper`` or ``http``.
        voices: the folder of Piper's voices.
        endpoint: the speech server.
        cache_bytes: spoken audio kept in memory.
    """

    limits: AudioLimits = AudioLimits()  # noqa: RUF009 - frozen
    engine: str = "espeak-ng"
    voices: Path | None = None
    endpoint: HttpEndpoint | None = None
    cache_bytes: int = CACHE_BYTES


@dataclass(frozen=True, slots=True)
class AudioAdapters:
    """The adapters behind the audio ports."""

    uploads: Uploads
    speech: Speech
    waves: WavFiles


def studio_of(settings: Settings) -> Studio:
    """Read what the operator has chosen out of the settings."""
    endpoint = None
    if settings.speech_url:
        names, key = settings.speech_names, settings.speech_key
        endpoint = HttpEndpoint(settings.speech_url, settings.speech_model, names, key)
    return Studio(
        AudioLimits(settings.audio_bytes, settings.audio_duration_s),
        settings.speech_engine,
        settings.speech_voices,
        endpoint,
        settings.speech_cache_bytes,
    )


@asynccontextmanager
async def open_studio(studio: Studio) -> AsyncIterator[AudioAdapters]:
    """Set up the adapters; the sandbox process starts with the first job, and ends with the block.

    Raises:
        StudioFailure: the engine lacks its voices, its server or its libraries.
    """
    modules = [JobModule("portevoix.audio.jobs"), JobModule("portevoix.speech.jobs")]
    limits = SpeechLimits(duration_s=studio.limits.duration_s)
    models = _models(studio.voices) if studio.engine == "piper" else ()
    if models:
        modules.append(piper_module(models))
    async with AsyncExitStack() as stack:
        sandbox = Sandbox(modules)
        stack.push_async_callback(sandbox.close)
        if models:
            engine: Speech = PiperSpeech(sandbox, models, limits)
        elif studio.engine == "http":
            if studio.endpoint is None or not studio.endpoint.voices:
                raise StudioFailure("the speech engine http needs PORTEVOIX_SPEECH_URL and PORTEVOIX_SPEECH_NAMES")
            engine = await stack.enter_async_context(HttpSpeech(studio.endpoint, sandbox, limits))
        else:
            engine = EspeakSpeech(sandbox, limits)
        speech = CachedSpeech(engine, studio.cache_bytes)
        yield AudioAdapters(Uploads(sandbox, studio.limits), speech, WavFiles())


def _models(folder: Path | None) -> tuple[PiperModel, ...]:
    if importlib.util.find_spec("piper") is None:
        raise StudioFailure("the speech engine piper needs its library: pip install 'portevoix[piper]'")
    if folder is None or not folder.is_dir():
        raise StudioFailure("the speech engine piper needs PORTEVOIX_SPEECH_VOICES, a folder of voices")
    try:
        models = find_models(folder)
    except ValueError as problem:
        raise StudioFailure(str(problem)) from problem
    if not models:
        raise StudioFailure(f"there is no Piper voice in {folder}")
    return models
