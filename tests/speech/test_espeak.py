"""The default engine: its voices, its intelligibility, its crashes."""

import asyncio
import os
import signal
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest

from portevoix.audio.sandbox import JobCrashed, JobModule, Reply, Sandbox
from portevoix.audio.wav import wav_16bit
from portevoix.domain.speech import SpeechFailed, SpeechUnavailable, Utterance
from portevoix.speech.espeak import EspeakSpeech
from portevoix.speech.espeak_voices import ALIASES, VOICES

# Ten sentences of the kind that are sent, with their syllables as they are read.
SENTENCES = [
    ("Bonjour, ceci est un message de la mairie.", 11),
    ("Votre rendez-vous est confirmé pour demain à 14h30.", 17),
    ("En raison de fortes pluies, l'école sera fermée lundi.", 15),
    ("Le montant de votre facture est de 12,50 €.", 15),
    ("Rappelez-nous au 01 99 00 12 34.", 16),
    ("Votre colis est arrivé au point relais.", 12),
    ("Le docteur Martin ne pourra pas vous recevoir.", 13),
    ("Pour ne plus recevoir ces messages, tapez 9.", 11),
    ("La coupure d'eau durera de 8h à 17h.", 13),
    ("Merci de votre attention et bonne journée.", 12),
]


def test_the_table_holds_every_voice_of_the_library():
    folder = Path(espeakng_loader.get_data_path()) / "lang"
    shipped = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    without_dictionary = {"gmq/fo", "trk/kaa", "art/xex"}
    assert {file for _, file, _ in VOICES} == shipped - without_dictionary
    assert len({tag for tag, _, _ in VOICES}) == len(VOICES)
    assert set(ALIASES.values()) <= {tag for tag, _, _ in VOICES}
    assert VOICES[0][0] == "fr-fr"


async def test_every_voice_speaks(espeak):
    async def speak(voice):
        audio = await espeak.speak(Utterance("Taxi 25", voice.language))
        assert audio.duration_s > 0.3, voice

    await asyncio.gather(*(speak(voice) for voice in espeak.voices))


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        *(("en", "en-gb"), ("en-AU", "en-gb"), ("en-us", "en-us"), ("zh-CN", "cmn"), ("no", "nb")),
        *(("pt-BR", "pt-br"), ("es-MX", "es"), ("de", "de"), ("ca-ES", "ca"), ("fr-be", "fr-be")),
    ],
)
def test_a_language_finds_its_voice(espeak, asked, spoken):
    assert espeak.voice(asked).language == spoken


@pytest.mark.parametrize(("sentence", "syllables"), SENTENCES)
async def test_speech_has_the_measures_of_speech(espeak, heard, gaps, sentence, syllables):
    audio = await espeak.speak(Utterance(sentence))
    if folder := os.environ.get("LISTEN_DIR"):
        target = Path(folder) / f"{SENTENCES.index((sentence, syllables)):02d}.wav"
        await asyncio.to_thread(target.write_bytes, wav_16bit(audio))
    spoken_s = float(audio.duration_s) - sum(gaps(audio)) / 8_000
    # French is spoken at 4 to 8 syllables a second.
    assert 0.12 < spoken_s / syllables < 0.30
    signal_heard = heard(audio)
    power = np.abs(np.fft.rfft(signal_heard)) ** 2
    hz = np.fft.rfftfreq(len(signal_heard), 1 / 8_000)
    assert power[(hz > 200) & (hz < 3_400)].sum() > 0.98 * power.sum()
    # Vowels and consonants: energy in the lower and in the upper half of the band.
    assert power[(hz > 1_500) & (hz < 3_400)].sum() > 0.01 * power.sum()
    # It comes and goes with the syllables, two to ten times a second.
    envelope = np.convolve(np.abs(signal_heard), np.ones(160) / 160, "same")[::80]
    rhythm = np.abs(np.fft.rfft(envelope - envelope.mean())) ** 2
    beats_hz = np.fft.rfftfreq(len(envelope), 0.01)
    assert rhythm[(beats_hz > 2) & (beats_hz < 10)].sum() > 0.3 * rhythm[beats_hz > 0.5].sum()


async def test_the_same_bytes_after_a_restart(espeak, sandbox):
    utterance = Utterance("Bonjour, il est 14h30.")
    before = await espeak.speak(utterance)
    await espeak.speak(Utterance("Something else", "en"))
    await sandbox.close()
    assert (await espeak.speak(utterance)).sha256 == before.sha256


async def test_an_operator_may_share_one_sandbox_between_uploads_and_speech():
    modules = [JobModule("portevoix.audio.jobs"), JobModule("portevoix.speech.jobs")]
    async with Sandbox(modules) as sandbox:
        assert (await EspeakSpeech(sandbox).speak(Utterance("oui"))).samples


class CrashingSandbox:
    """Stands for a library that aborts on accents, or on everything."""

    def __init__(self, on):
        self.on = on
        self.said = []

    async def run(self, _job, arguments, _body, _limits):
        text = arguments["segments"][0][0]
        self.said.append(text)
        if self.on in text:
            raise JobCrashed("the job died of SIGABRT")
        return Reply({}, b"\xd5")


async def test_a_text_that_crashes_the_library_is_said_without_its_accents():
    sandbox = CrashingSandbox(on="é")
    await EspeakSpeech(sandbox).speak(Utterance("L'été", "pt"))
    assert sandbox.said == ["L'été", "L'ete"]


async def test_a_text_that_always_crashes_fails_clearly():
    with pytest.raises(SpeechFailed):
        await EspeakSpeech(CrashingSandbox(on="")).speak(Utterance("L'été"))


async def test_when_the_sandbox_is_gone_the_text_is_not_at_fault(espeak, sandbox, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nonexistent")
    os.kill(sandbox.process_id, signal.SIGKILL)
    with pytest.raises(SpeechUnavailable):
        await espeak.speak(Utterance("oui"))
