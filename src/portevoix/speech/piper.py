"""The second engine: Piper's neural voices, from a folder that the operator fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from portevoix.audio.sandbox import JobModule, Sandbox
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.speech import SpeechLimits, Utterance, Voice
from portevoix.speech.engine import choose_voice, run_speech, speech_limits
from portevoix.speech.text import segments

_NAME = "piper"
# Other ways from text to phonemes download models when they are first used.
_PHONEME_TYPES = ("espeak", "text")


class _Espeak(msgspec.Struct):
    voice: str


class _Language(msgspec.Struct):
    code: str
    name_native: str = ""


class _ModelConfig(msgspec.Struct):
    """What is read of a voice's ``.onnx.json``."""

    espeak: _Espeak
    language: _Language | None = None
    phoneme_type: str = "espeak"


@dataclass(frozen=True, slots=True)
class PiperModel:
    """A voice file.

    Args:
        voice: as it is listed.
        path: of its .onnx file.
    """

    voice: Voice
    path: Path


def find_models(folder: Path) -> tuple[PiperModel, ...]:
    """List the voices in a folder: every ``NAME.onnx`` that has its ``NAME.onnx.json``, by name.

    Raises:
        ValueError: a voice's configuration is not Piper's, or one that Piper would download more files for.
    """
    models = []
    for path in sorted(folder.glob("*.onnx")):
        try:
            config = msgspec.json.decode(Path(f"{path}.json").read_bytes(), type=_ModelConfig)
        except (OSError, msgspec.DecodeError) as error:
            raise ValueError(f"{path}.json cannot be read as a Piper configuration: {error}") from error
        if config.phoneme_type not in _PHONEME_TYPES:
            raise ValueError(f"{path}: voices of phoneme type {config.phoneme_type!r} are not taken")
        code = config.language.code if config.language else config.espeak.voice
        native = config.language.name_native if config.language else ""
        name = f"{native} ({path.stem})" if native else path.stem
        models.append(PiperModel(Voice(path.stem, code.replace("_", "-").lower(), name, _NAME), path))
    return tuple(models)


def piper_module(models: Sequence[PiperModel]) -> JobModule:
    """What the sandbox is given so that it has these voices warm."""
    return JobModule("portevoix.speech.piper_jobs", {"models": {model.voice.id: str(model.path) for model in models}})


class PiperSpeech:
    """Speaks with Piper.

    Args:
        sandbox: with :func:`piper_module` of the same models in it.
        models: at least one; the first of a language speaks it.
        limits: of one message.
    """

    def __init__(self, sandbox: Sandbox, models: Sequence[PiperModel], limits: SpeechLimits | None = None) -> None:
        if not models:
            raise ValueError("there is no Piper voice")
        self._sandbox = sandbox
        self._voices = tuple(model.voice for model in models)
        self._duration_s = (limits or SpeechLimits()).duration_s

    @property
    def name(self) -> str:
        return _NAME

    @property
    def voices(self) -> Sequence[Voice]:
        return self._voices

    def voice(self, language: str) -> Voice:
        return choose_voice(self._voices, language)

    async def speak(self, utterance: Utterance) -> TelephoneAudio:
        voice = self.voice(utterance.language)
        spoken = segments(utterance.text, voice.language)
        arguments = {
            "voice": voice.id,
            "rate_percent": utterance.rate.percent,
            "duration_s": self._duration_s,
            "segments": [(segment.text, segment.pauses) for segment in spoken],
        }
        # A neural voice takes far more work a second of speech than espeak-ng, and more memory.
        limits = replace(speech_limits(self._duration_s), cpu_s=120, wall_s=180.0, memory_bytes=1_024 * 1_024 * 1_024)
        return await run_speech(self._sandbox, "speech.piper", arguments, b"", limits)
