"""Band, loudness, peaks and silence, measured."""

import numpy as np
import pytest
from recordings import lag_ms, tone, voice

from portevoix.audio import condition

RATE_HZ = 8_000


def telephone_tone(seconds, hz, level=0.3):
    return tone(seconds, hz, level, RATE_HZ)


def level_db(samples):
    return 10 * np.log10(np.mean(np.asarray(samples, np.float64) ** 2) + 1e-12)


@pytest.mark.parametrize("hz", [300, 1_000, 2_000, 3_300])
def test_the_telephone_band_passes_unchanged(hz):
    before = telephone_tone(1.0, hz)
    after = condition.limit_band(before)
    inner = slice(400, -400)
    assert np.abs(after[inner] - before[inner]).max() < 0.003  # so is its phase


@pytest.mark.parametrize("hz", [20, 50, 100, 3_600, 3_800])
def test_outside_the_band_little_is_left(hz):
    before = telephone_tone(1.0, hz)
    assert level_db(condition.limit_band(before)[400:-400]) - level_db(before) < -55


@pytest.mark.parametrize("count", [0, 1, 200, 401, 7_791, 7_792, 7_793, 8_192, 300_001])
def test_length_is_kept_and_long_audio_is_filtered_as_one(count):
    before = np.random.default_rng(1).standard_normal(count).astype(np.float32)
    after = condition.limit_band(before)
    assert len(after) == count
    if count > 801:
        whole = np.convolve(before.astype(np.float64), condition._band_pass(), "same")
        assert np.abs(after - whole[: len(after)]).max() < 1e-4


@pytest.mark.parametrize("level", [0.2, 1.0, 3.0])
def test_speech_comes_to_its_level_and_nothing_clips(level):
    before = voice(3.0, RATE_HZ) * level
    after = condition.amplify(before, condition.loudness_gain_db(before))
    assert condition.active_level_dbfs(after) == pytest.approx(-20, abs=0.3)
    assert np.abs(after).max() <= condition.CEILING + 1e-6


def test_pauses_do_not_count_as_speech():
    speech = voice(2.0, RATE_HZ)
    with_pauses = np.concatenate([speech, np.zeros(5 * RATE_HZ, np.float32), speech])
    assert condition.active_level_dbfs(with_pauses) == pytest.approx(condition.active_level_dbfs(speech), abs=0.2)


def test_silence_has_no_level_and_gets_no_gain():
    silence = np.zeros(RATE_HZ, np.float32)
    assert condition.active_level_dbfs(silence) == -np.inf
    assert condition.loudness_gain_db(silence) == 0.0
    assert len(condition.trim_silence(silence).samples) == 0
    assert len(condition.trim_silence(silence[:0]).samples) == 0


def test_a_whisper_is_raised_by_30_db_at_most():
    assert condition.loudness_gain_db(telephone_tone(1.0, 1_000, 0.002)) == 30.0


def test_a_peak_is_turned_down_without_a_click_and_the_rest_is_untouched():
    before = telephone_tone(1.0, 440, 0.5)
    before[4_000:4_040] *= 3
    after = condition.limit_peaks(before)
    assert np.abs(after).max() <= condition.CEILING + 1e-6
    assert np.array_equal(after[:3_900], before[:3_900])
    assert np.array_equal(after[4_150:], before[4_150:])
    gain = after[3_900:4_150] / np.where(np.abs(before[3_900:4_150]) < 1e-3, np.nan, before[3_900:4_150])
    assert np.nanmax(np.abs(np.diff(gain))) < 0.05


@pytest.mark.parametrize("level", [0.003, 0.05, 0.5])
def test_silence_at_both_ends_is_trimmed_to_150_ms(level):
    speech = telephone_tone(1.0, 700, level)
    padded = np.concatenate([np.zeros(16_000, np.float32), speech, np.zeros(24_000, np.float32)])
    padded += np.random.default_rng(1).normal(0, 1e-5, len(padded)).astype(np.float32)
    trimmed = condition.trim_silence(padded)
    assert len(trimmed.samples) == pytest.approx(8_000 + 2 * 1_200, abs=2 * 160)
    assert trimmed.start_samples + len(trimmed.samples) + trimmed.end_samples == len(padded)
    assert lag_ms(speech, trimmed.samples) == pytest.approx(150, abs=20)


def test_a_pause_inside_is_not_trimmed():
    speech = telephone_tone(0.5, 700)
    whole = np.concatenate([speech, np.zeros(40_000, np.float32), speech])
    assert len(condition.trim_silence(whole).samples) == len(whole)


def test_rounding_to_16_bits_saturates():
    assert condition.to_pcm16(np.array([-2, -1, 0, 1, 2], np.float32)).tolist() == [
        -32_768,
        -32_768,
        0,
        32_767,
        32_767,
    ]
