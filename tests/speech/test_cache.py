"""A text is said once; the cache stays within its bound."""

import asyncio

import pytest

from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.speech import SpeechFailed, SpeechRate, Utterance, Voice
from portevoix.speech.cache import CachedSpeech
from portevoix.speech.engine import choose_voice


class CountingSpeech:
    """Says each text as that many samples; waits when told to."""

    name = "counting"
    voices = (Voice("fr", "fr", "Français", "counting"), Voice("en", "en", "Anglais", "counting"))

    def __init__(self):
        self.said = []
        self.may_finish = asyncio.Event()
        self.may_finish.set()
        self.began = asyncio.Event()
        self.given_up = asyncio.Event()
        self.fails = False

    def voice(self, language):
        return choose_voice(self.voices, language)

    async def speak(self, utterance):
        self.said.append(utterance.text)
        self.began.set()
        try:
            await self.may_finish.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        if self.fails:
            raise SpeechFailed("told to")
        return TelephoneAudio(b"\xd5" * max(1, len(utterance.text) * 100))


@pytest.fixture
def engine():
    return CountingSpeech()


async def test_a_repeat_costs_no_synthesis(engine):
    cached = CachedSpeech(engine)
    first = await cached.speak(Utterance("oui"))
    assert await cached.speak(Utterance("oui")) is first
    assert engine.said == ["oui"]
    assert (cached.hits, cached.misses) == (1, 1)
    assert cached.name == engine.name
    assert cached.voices == engine.voices


async def test_voice_rate_and_text_each_make_a_difference(engine):
    cached = CachedSpeech(engine)
    for utterance in (
        Utterance("oui"),
        Utterance("oui", "en"),
        Utterance("oui", rate=SpeechRate(150)),
        Utterance("non"),
    ):
        await cached.speak(utterance)
    await cached.speak(Utterance("oui", "fr-FR"))  # the same voice by another tag
    assert len(engine.said) == 4


async def test_the_least_recently_used_goes_first(engine):
    cached = CachedSpeech(engine, most_bytes=700)
    for text in ("aaa", "bbb", "aaa", "cc"):
        await cached.speak(Utterance(text))
    assert cached.kept_bytes == 500
    engine.said.clear()
    await cached.speak(Utterance("aaa"))
    await cached.speak(Utterance("bbb"))
    assert engine.said == ["bbb"]
    assert cached.kept_bytes <= 700


async def test_what_is_larger_than_the_cache_is_not_kept(engine):
    cached = CachedSpeech(engine, most_bytes=100)
    await cached.speak(Utterance("a"))
    await cached.speak(Utterance("long text"))
    assert cached.kept_bytes == 100


async def test_those_who_ask_at_once_wait_for_one_synthesis(engine):
    cached = CachedSpeech(engine)
    engine.may_finish.clear()
    asking = [asyncio.create_task(cached.speak(Utterance("oui"))) for _ in range(10)]
    await engine.began.wait()
    engine.may_finish.set()
    assert len({audio.sha256 for audio in await asyncio.gather(*asking)}) == 1
    assert engine.said == ["oui"]


async def test_one_who_goes_away_does_not_take_it_from_the_others(engine):
    cached = CachedSpeech(engine)
    engine.may_finish.clear()
    leaving = asyncio.create_task(cached.speak(Utterance("oui")))
    await engine.began.wait()
    staying = asyncio.create_task(cached.speak(Utterance("oui")))
    await asyncio.wait([leaving, staying], timeout=0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    engine.may_finish.set()
    assert (await staying).samples == 300
    assert engine.said == ["oui"]


async def test_when_all_go_away_it_is_given_up_and_may_be_asked_for_again(engine):
    cached = CachedSpeech(engine)
    engine.may_finish.clear()
    leaving = asyncio.create_task(cached.speak(Utterance("oui")))
    await engine.began.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await engine.given_up.wait()
    engine.may_finish.set()
    assert (await cached.speak(Utterance("oui"))).samples == 300


async def test_a_failure_reaches_all_who_wait_and_is_not_kept(engine):
    cached = CachedSpeech(engine)
    engine.fails = True
    ends = await asyncio.gather(*(cached.speak(Utterance("oui")) for _ in range(3)), return_exceptions=True)
    assert [type(end) for end in ends] == [SpeechFailed] * 3
    engine.fails = False
    assert (await cached.speak(Utterance("oui"))).samples == 300
