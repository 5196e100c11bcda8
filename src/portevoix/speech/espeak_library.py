"""espeak-ng by ctypes, from the wheel that carries the library and its data. In the sandbox only.

The library keeps all its state in globals: one engine a process, no threads. It aborts on some texts.
"""

from __future__ import annotations

import ctypes

import espeakng_loader
import numpy as np

from portevoix.audio.g711 import Pcm16
from portevoix.domain.speech import TextTooLong

# speak_lib.h of espeak-ng 1.52
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_POS_CHARACTER = 1
# Never espeakSSML (0x10): it reads files (<audio src=…>). Never espeakPHONEMES (0x100): [[…]] in a text.
_CHARS_UTF8 = 1
_PARAMETER_RATE = 1
_OK = 0

_WORDS_A_MINUTE = 175
_SLOWEST_WPM, _FASTEST_WPM = 80, 450

_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def _words_a_minute(rate_percent: int) -> int:
    """The library's own measure of speed, and a little more where it falls behind: 5 % at twice the rate."""
    lag = 1 + 0.05 * max(0, rate_percent - 100) / 100
    words_a_minute = round(_WORDS_A_MINUTE * rate_percent / 100 * lag)
    return min(max(words_a_minute, _SLOWEST_WPM), _FASTEST_WPM)


class EspeakError(Exception):
    """The library refused; its own code is in the message."""


class Espeak:
    """The library, initialised.

    Raises:
        EspeakError: it does not find its data.
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_Synth.argtypes = [
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
            *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
        ]
        self.rate_hz: int = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _INITIALIZE_DONT_EXIT
        )
        if self.rate_hz <= 0:
            raise EspeakError(f"espeak_Initialize: {self.rate_hz}")
        # Kept on the object: a callback that is collected is a crash.
        self._callback = _SynthCallback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        self._pieces: list[bytes] = []
        self._samples_left = 0

    def choose(self, voice: str) -> None:
        """Take a voice by its file, one of :mod:`portevoix.speech.espeak_voices`.

        Raises:
            EspeakError: there is none.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != _OK:
            raise EspeakError(f"no voice {voice!r}")

    def say(self, text: str, rate_percent: int, most_samples: int) -> Pcm16:
        """Say a text.

        Args:
            text: plain; clean (:func:`portevoix.speech.text.clean`).
            rate_percent: of the voice's own rate.
            most_samples: when it speaks for longer, it is stopped.

        Returns:
            Samples, shape (n,), ``rate_hz`` a second.

        Raises:
            TextTooLong: it was stopped.
            EspeakError: the library failed.
        """
        self._library.espeak_SetParameter(_PARAMETER_RATE, _words_a_minute(rate_percent), 0)
        self._pieces = []
        self._samples_left = most_samples
        spoken = text.encode()
        result = self._library.espeak_Synth(spoken, len(spoken) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
        if self._samples_left < 0:
            raise TextTooLong("the text speaks for too long")
        if result != _OK:
            raise EspeakError(f"espeak_Synth: {result}")
        return np.frombuffer(b"".join(self._pieces), np.int16)

    def _take(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
        """Take what the library has made; a non-zero answer stops it."""
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, 2 * count))
            self._samples_left -= count
        return int(self._samples_left < 0)
