"""Piper's voices are found in a folder, and only those that need nothing else."""

import json

import pytest
from piper_voice import build_voice

from portevoix.audio.sandbox import Sandbox
from portevoix.domain.speech import Utterance, Voice
from portevoix.speech.piper import PiperSpeech, find_models, piper_module


def test_voices_are_listed_by_their_configuration(piper_folder):
    (model,) = find_models(piper_folder)
    assert model.voice == Voice("fr_FR-tons-low", "fr-fr", "Français (fr_FR-tons-low)", "piper")


def test_an_empty_folder_has_no_voice(tmp_path, sandbox):
    assert find_models(tmp_path) == ()
    with pytest.raises(ValueError, match="no Piper voice"):
        PiperSpeech(sandbox, ())


def test_a_voice_that_would_download_more_is_refused(tmp_path):
    build_voice(tmp_path, "zh_CN-x-low", "zh_CN")
    config = tmp_path / "zh_CN-x-low.onnx.json"
    config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | {"phoneme_type": "pinyin"}), "utf-8")
    with pytest.raises(ValueError, match="pinyin"):
        find_models(tmp_path)


@pytest.mark.parametrize("content", [None, "{", "{}", '{"espeak": 3}'])
def test_a_voice_without_its_configuration_is_refused(tmp_path, content):
    (tmp_path / "voice.onnx").write_bytes(b"")
    if content is not None:
        (tmp_path / "voice.onnx.json").write_text(content, "utf-8")
    with pytest.raises(ValueError, match="Piper configuration"):
        find_models(tmp_path)


async def test_brackets_are_no_phonemes(piper_folder):
    """Piper reads ``[[…]]`` as phonemes; a customer's text never does."""
    models = find_models(piper_folder)
    async with Sandbox([piper_module(models)]) as sandbox:
        engine = PiperSpeech(sandbox, models)
        bracketed = await engine.speak(Utterance("[[bonjour]]"))
        assert bracketed.sha256 == (await engine.speak(Utterance("bonjour"))).sha256
