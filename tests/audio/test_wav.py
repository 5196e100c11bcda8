"""The WAV files that go out are what other software reads."""

import io
import wave

import av
import numpy as np
import pytest

from portevoix.audio.g711 import alaw_decode
from portevoix.audio.wav import wav_16bit, wav_alaw
from portevoix.domain.audio import TelephoneAudio

AUDIO = TelephoneAudio(bytes(range(256)) * 10)


def test_the_16_bit_file_is_as_large_as_it_is_said_to_be():
    data = wav_16bit(AUDIO)
    assert len(data) == AUDIO.wav_bytes
    with wave.open(io.BytesIO(data)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (8_000, 1, 2)
        assert reader.readframes(10_000) == alaw_decode(AUDIO.alaw).tobytes()


@pytest.mark.parametrize("audio", [AUDIO, TelephoneAudio(AUDIO.alaw[:-1])], ids=["even", "odd"])
def test_the_alaw_file_holds_the_bytes_that_calls_play(audio):
    data = wav_alaw(audio)
    assert audio.alaw in data
    assert len(data) % 2 == 0
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    with av.open(io.BytesIO(data)) as container:
        assert container.streams.audio[0].codec_context.name == "pcm_alaw"
        decoded = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert np.array_equal(decoded, alaw_decode(audio.alaw))
