"""Sizes, durations and names, as the hosted service shows them."""

from fractions import Fraction

import pytest

from portevoix.domain.audio import (
    AudioEmpty,
    AudioLimits,
    AudioName,
    AudioNameInvalid,
    TelephoneAudio,
    display_duration,
    display_size,
)
from portevoix.domain.errors import InvalidValue


def test_duration_is_exact_to_the_sample():
    audio = TelephoneAudio(b"\xd5" * 53_481)
    assert audio.samples == 53_481
    assert audio.duration_s == Fraction(53_481, 8_000)
    assert audio.wav_bytes == 44 + 2 * 53_481


def test_the_same_bytes_are_the_same_recording():
    one, same, other = (TelephoneAudio(bytes([0xD5, last])) for last in (1, 1, 2))
    assert one.sha256 == same.sha256 != other.sha256
    assert len(one.sha256) == 64


def test_there_is_no_empty_audio():
    with pytest.raises(AudioEmpty):
        TelephoneAudio(b"")


@pytest.mark.parametrize(
    ("samples", "size", "duration"),
    [
        (53_482, "104.5Ko", "0:07"),  # the hosted service's own examples
        (390_480, "762.7Ko", "0:49"),
        (1, "0.0Ko", "0:00"),
        (3_999, "7.9Ko", "0:00"),
        (4_000, "7.9Ko", "0:01"),
        (8_000 * 59 + 4_000, "929.7Ko", "1:00"),
        ((1_024 * 1_024 - 44) // 2, "1024.0Ko", "1:06"),
        ((1_024 * 1_024 - 42) // 2, "1.0Mo", "1:06"),
        (8_000 * 600, "9.2Mo", "10:00"),
    ],
)
def test_size_and_duration_as_the_hosted_service_shows_them(samples, size, duration):
    assert display_size(44 + 2 * samples) == size
    assert display_duration(samples) == duration


@pytest.mark.parametrize("text", ["abc", "Relance d'août", "x" * 50, "été 2026 – n°1", "録音です", "  abc  "])
def test_a_name_prints_back_as_it_was_read(text):
    name = AudioName.parse(text)
    assert str(name) == text.strip()
    assert AudioName.parse(str(name)) == name


def test_a_name_is_composed():
    assert str(AudioName.parse("e\u0301te\u0301")) == "été"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ab",
        "x" * 51,
        "a  ".rjust(9),
        "a\nb",
        "a\x00bc",
        "a/bc",
        "a\\bc",
        "..abc",
        "a\u202ebc",
        "abc\ud800",
    ],
)
def test_other_names_are_refused(text):
    with pytest.raises(AudioNameInvalid):
        AudioName.parse(text)


def test_limits_are_at_least_something():
    with pytest.raises(InvalidValue):
        AudioLimits(upload_bytes=0)
