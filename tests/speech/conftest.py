"""The three engines, each as an operator would set it up."""

from contextlib import AsyncExitStack

import numpy as np
import pytest
from piper_voice import build_voice
from tone_server import ToneServer

from portevoix.audio.g711 import alaw_decode
from portevoix.audio.sandbox import JobModule, Sandbox
from portevoix.speech.espeak import EspeakSpeech
from portevoix.speech.http import HttpEndpoint, HttpSpeech
from portevoix.speech.piper import PiperSpeech, find_models, piper_module

SPEECH = JobModule("portevoix.speech.jobs")


@pytest.fixture
async def sandbox():
    async with Sandbox([SPEECH]) as running:
        yield running


@pytest.fixture
def espeak(sandbox):
    return EspeakSpeech(sandbox)


@pytest.fixture(scope="session")
def piper_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    build_voice(folder, "fr_FR-tons-low", "fr_FR")
    return folder


@pytest.fixture
async def tone_server():
    async with ToneServer() as server:
        yield server


@pytest.fixture(params=["espeak-ng", "piper", "http"])
async def engine(request, piper_folder, tone_server):
    async with AsyncExitStack() as stack:
        if request.param == "piper":
            models = find_models(piper_folder)
            sandbox = await stack.enter_async_context(Sandbox([piper_module(models)]))
            yield PiperSpeech(sandbox, models)
            return
        sandbox = await stack.enter_async_context(Sandbox([SPEECH]))
        if request.param == "espeak-ng":
            yield EspeakSpeech(sandbox)
            return
        endpoint = HttpEndpoint(tone_server.base_url, "tones", (("fr-FR", "claire"), ("en", "alice")))
        yield await stack.enter_async_context(HttpSpeech(endpoint, sandbox))


@pytest.fixture
def heard():
    """Telephone audio as floats within ±1."""
    return lambda audio: (alaw_decode(audio.alaw) / 32_768).astype(np.float32)


@pytest.fixture
def gaps():
    """The pauses in telephone audio: runs of the silence code that are longer than any inside speech."""

    def find(audio):
        silent = np.frombuffer(audio.alaw, np.uint8) == 0xD5
        edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
        return [int(end - start) for start, end in edges.reshape(-1, 2) if end - start >= 3_000]

    return find
