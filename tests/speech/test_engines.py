"""What every engine promises: one suite, run on each."""

import asyncio

import numpy as np
import pytest

from portevoix.audio.condition import CEILING, active_level_dbfs
from portevoix.domain.speech import LanguageInvalid, SpeechRate, TextMissing, TextTooLong, Utterance

HOSTILE = [
    "<speak><audio src='/etc/passwd'/>Bonjour</speak>",
    "<break time='600s'/>Bonjour",
    "&lt;audio src=/etc/passwd&gt; Bonjour",
    "Bonjour\x00\x01\x02\x1b[31m\x7f\x85 au revoir",
    "\x01+50S\x01300PBonjour",
    "[[b%O~'ZuR]] Bonjour {{x}} ${HOME} $(id) `id`",
    "Bonjour 😀👨‍👩‍👧‍👦🇫🇷 🏴‍☠️ à tous",
    "𝐁𝐨𝐧𝐣𝐨𝐮𝐫 ﷽ ｂｏｎｊｏｕｒ ①②③",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞",
    "\ud800 bonjour \udfff",
    "\u202eruojnob\u202c bonjour\u200b\u200d\ufeff",
    "a" * 1_000,
    "!" * 1_000 + " oui",
    "© Ìré ÿ Œ ß ñ þ",
    "مرحبا 你好 שלום привет",
    "' ; DROP TABLE calls; -- \" \\ %s %n {0}",
    "1" * 300 + " fois",
    "oui\n\r\n\t\u2028\u2029non",
]


def test_its_voices_are_listed(engine):
    assert engine.voices
    assert len({voice.id for voice in engine.voices}) == len(engine.voices)
    assert all(voice.engine == engine.name and voice.name and voice.language for voice in engine.voices)


@pytest.mark.parametrize("language", ["fr", "fr-FR", "fr_FR", "FR", "fr-CA"])
def test_french_is_spoken_however_it_is_asked_for(engine, language):
    assert engine.voice(language).language.startswith("fr")


async def test_a_language_that_nobody_speaks_is_refused(engine):
    with pytest.raises(LanguageInvalid):
        await engine.speak(Utterance("Bonjour", "xx"))


async def test_speech_is_loud_enough_clear_of_clipping_and_always_the_same(engine, heard):
    utterance = Utterance("Bonjour madame. Votre rendez-vous est confirmé, à demain.")
    first, second = await asyncio.gather(engine.speak(utterance), engine.speak(utterance))
    assert first.sha256 == second.sha256
    assert active_level_dbfs(heard(first)) == pytest.approx(-20, abs=1)
    assert np.abs(heard(first)).max() < CEILING + 0.03  # one step of A-law up there
    assert 1.5 < first.duration_s < 8


async def test_a_comma_is_half_a_second_of_silence(engine, gaps):
    audio = await engine.speak(Utterance("un ,,,,,, deux, trois"))
    assert [round(gap / 8_000, 2) for gap in gaps(audio)] == pytest.approx([3.0, 0.5], abs=0.02)
    without = await engine.speak(Utterance("un"))
    longer = await engine.speak(Utterance("un,,"))
    # To the sample: what a comma in front of a pause does to the voice is all that may differ.
    assert longer.alaw.endswith(b"\xd5" * 8_000)
    assert longer.samples - 8_000 == pytest.approx(without.samples, abs=1_600)


async def test_a_message_may_begin_with_a_pause(engine):
    audio = await engine.speak(Utterance(",, oui"))
    assert audio.alaw.startswith(b"\xd5" * 8_000)


async def test_a_comma_between_two_digits_is_no_pause(engine, gaps):
    assert gaps(await engine.speak(Utterance("Le prix est de 12,50 € par mois"))) == []


@pytest.mark.parametrize("percent", [50, 75, 150, 200])
async def test_duration_follows_the_rate(engine, percent):
    text = "Bonjour madame. Votre rendez-vous chez le dentiste est confirmé pour demain après midi."
    normal = await engine.speak(Utterance(text))
    changed = await engine.speak(Utterance(text, rate=SpeechRate(percent)))
    assert changed.samples / normal.samples == pytest.approx(100 / percent, rel=0.15)


async def test_pauses_do_not_follow_the_rate(engine, gaps):
    audio = await engine.speak(Utterance("un ,, deux", rate=SpeechRate(200)))
    assert gaps(audio)[0] / 8_000 == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("text", ["😀", ",,,,", "<b></b>", "\x00\x01", "   ", "[]{}|"])
async def test_a_text_without_anything_to_say_is_refused(engine, text):
    with pytest.raises(TextMissing):
        await engine.speak(Utterance(text))


async def test_a_text_that_would_speak_for_too_long_is_refused(engine):
    with pytest.raises(TextTooLong):
        await engine.speak(Utterance("oui" + "," * 1_201))


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_only_text(engine, text):
    audio = await engine.speak(Utterance(text))
    assert 0 < audio.duration_s < 400
