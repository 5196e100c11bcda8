"""Piper's voices, as the sandbox runs them. Loaded only where an operator has given a folder of voices."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from piper import PiperVoice, SynthesisConfig
from piper.config import PiperConfig

from portevoix.speech.assemble import assemble

_voices: dict[str, PiperVoice] = {}  # by id, loaded by warm_up


def say(arguments: Mapping[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
    """Say segments (text, pauses) with a Piper voice; give A-law."""
    voice = _voices[arguments["voice"]]
    rate = arguments["rate_percent"] / 100
    # Not normalised by sentence: the message as a whole gets one gain.
    settings = SynthesisConfig(length_scale=voice.config.length_scale / rate, normalize_audio=False)

    def parts() -> Iterator[tuple[npt.NDArray[np.float32], int, int]]:
        for text, pauses in arguments["segments"]:
            sentences = [np.zeros(0, np.float32)]
            if text:
                sentences += [chunk.audio_float_array for chunk in voice.synthesize(text, settings)]
            yield np.concatenate(sentences), voice.config.sample_rate, pauses

    return {}, assemble(parts(), arguments["duration_s"])


JOBS = {"speech.piper": say}


def warm_up(settings: Mapping[str, Any]) -> None:
    """Load every voice of ``settings["models"]`` (id → path of its .onnx file).

    The sessions are made here and not by Piper, to have one thread (the process forks) and a fixed seed (the
    same text gives the same bytes after a restart too).
    """
    onnxruntime.set_seed(0)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    for voice_id, path in settings["models"].items():
        config = json.loads(Path(f"{path}.json").read_text(encoding="utf-8"))
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        voice = PiperVoice(session=session, config=PiperConfig.from_dict(config))
        voice.phonemize("oui")
        _voices[voice_id] = voice
