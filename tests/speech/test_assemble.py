"""Segments become one message: exact pauses, one gain, no silence of the engine's own."""

import numpy as np
import pytest

from portevoix.audio.condition import active_level_dbfs
from portevoix.audio.g711 import alaw_decode
from portevoix.domain.speech import SpeechFailed, TextTooLong
from portevoix.speech.assemble import assemble


def tone(seconds, level, rate_hz=22_050):
    return (level * np.sin(2 * np.pi * 700 * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def padded(samples):
    return np.concatenate([np.zeros(5_000, np.float32), samples, np.zeros(7_000, np.float32)])


def test_the_engines_own_silence_is_cut_and_a_pause_is_4000_samples():
    alaw = assemble([(padded(tone(1.0, 0.3)), 22_050, 3), (padded(tone(1.0, 0.3)), 22_050, 0)], 10)
    assert len(alaw) == pytest.approx(2 * 8_000 + 12_000, abs=10)
    first = len(alaw) - 12_000 >> 1
    assert b"\xd5" * 12_000 in alaw[first - 20 :]


def test_one_gain_for_the_whole_message():
    alaw = assemble([(tone(1.0, 0.3), 22_050, 1), (tone(1.0, 0.06), 22_050, 0)], 10)
    signal = alaw_decode(alaw) / 32_768
    loud, quiet = signal[800:7_200], signal[12_800:19_200]
    assert np.sqrt(np.mean(loud**2)) / np.sqrt(np.mean(quiet**2)) == pytest.approx(5, rel=0.03)
    assert active_level_dbfs(signal.astype(np.float32)) == pytest.approx(-20, abs=0.3)


def test_a_message_over_its_limit_is_refused():
    with pytest.raises(TextTooLong):
        assemble([(tone(1.0, 0.3), 22_050, 3)], 2)


def test_an_engine_that_says_nothing_has_failed():
    with pytest.raises(SpeechFailed):
        assemble([(np.zeros(22_050, np.float32), 22_050, 0), (np.zeros(0, np.float32), 8_000, 1)], 10)
