"""The engine over HTTP: what it asks, and what it makes of bad answers."""

import asyncio

import pytest
from tone_server import tones

from portevoix.domain.speech import SpeechFailed, SpeechLimits, SpeechRate, SpeechUnavailable, Utterance
from portevoix.speech.http import HttpEndpoint, HttpSpeech


@pytest.fixture
async def http(tone_server, sandbox):
    endpoint = HttpEndpoint(tone_server.base_url, "tones-1", (("fr", "claire"),), api_key="secret", timeout_s=20)
    async with HttpSpeech(endpoint, sandbox, SpeechLimits(duration_s=10)) as engine:
        yield engine


async def test_it_asks_for_each_segment_in_words(http, tone_server):
    await http.speak(Utterance("À 14h30,, demain", rate=SpeechRate(150)))
    asked = sorted(tone_server.asked, key=lambda each: each["input"])
    assert asked == [
        {"model": "tones-1", "voice": "claire", "input": text, "response_format": "wav", "speed": 1.5}
        for text in ("demain", "À quatorze heures trente")
    ]
    assert {headers["authorization"] for headers in tone_server.headers} == {"Bearer secret"}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, SpeechUnavailable),
        (503, SpeechUnavailable),
        (429, SpeechUnavailable),
        (400, SpeechFailed),
        (401, SpeechFailed),
        (302, SpeechFailed),
    ],
)
async def test_an_error_of_the_server_is_told_without_its_words(http, tone_server, status, error):
    tone_server.status, tone_server.body = status, b"key secret is wrong"
    with pytest.raises(error) as raised:
        await http.speak(Utterance("oui"))
    assert str(status) in raised.value.message
    assert "secret" not in raised.value.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>not audio</html>",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        tones("oui", 1.0)[:50],
        b"RIFF" + bytes(3_000_000),  # more than ten seconds can be
    ],
    ids=["nothing", "page", "playlist", "cut", "endless"],
)
async def test_what_the_server_sends_is_not_trusted(http, tone_server, body):
    tone_server.body = body
    with pytest.raises(SpeechFailed):
        await http.speak(Utterance("oui"))


async def test_a_server_that_is_away_is_unavailable(sandbox):
    async with HttpSpeech(HttpEndpoint("http://127.0.0.1:1/v1", "m", (("fr", "v"),)), sandbox) as engine:
        with pytest.raises(SpeechUnavailable):
            await engine.speak(Utterance("oui"))


async def test_a_server_that_does_not_answer_is_unavailable(tone_server, sandbox):
    tone_server.release.clear()
    endpoint = HttpEndpoint(tone_server.base_url, "m", (("fr", "v"),), timeout_s=0.2)
    async with HttpSpeech(endpoint, sandbox) as engine:
        with pytest.raises(SpeechUnavailable):
            await engine.speak(Utterance("oui"))


async def test_a_caller_may_go_away(http, tone_server):
    tone_server.release.clear()
    asking = asyncio.create_task(http.speak(Utterance("oui")))
    await tone_server.arrived.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


def test_the_key_is_not_shown():
    assert "secret" not in repr(HttpEndpoint("http://a/v1", "m", (("fr", "v"),), api_key="secret"))


def test_an_engine_without_a_voice_is_refused(sandbox):
    with pytest.raises(ValueError, match="no voice"):
        HttpSpeech(HttpEndpoint("http://a/v1", "m", ()), sandbox)
