"""What is asked of a voice, read at the door."""

import pytest

from portevoix.domain.speech import (
    LanguageInvalid,
    SpeechLimits,
    SpeechRate,
    SpeechRateInvalid,
    TextMissing,
    TextTooLong,
    Utterance,
)


@pytest.mark.parametrize(
    ("value", "percent"),
    [
        ("1", 100),
        (1, 100),
        (0.5, 50),
        ("1.25", 125),
        (" 2 ", 200),
        (0.1, 50),
        (-3, 50),
        ("99", 200),
        ("1e9", 200),
        ("1.234", 123),
        ("0.505", 50),
    ],
)
def test_a_rate_is_clamped(value, percent):
    assert SpeechRate.parse(value).percent == percent


@pytest.mark.parametrize("rate", [50, 75, 100, 200])
def test_a_rate_prints_back(rate):
    assert SpeechRate.parse(str(SpeechRate(rate))) == SpeechRate(rate)


@pytest.mark.parametrize("value", ["", "vite", "NaN", "Infinity", None, True, [], "1,5"])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(SpeechRateInvalid):
        SpeechRate.parse(value)


def test_a_rate_out_of_range_cannot_be_made():
    with pytest.raises(SpeechRateInvalid):
        SpeechRate(201)


def test_a_request_is_read():
    assert Utterance.parse("Bonjour", "FR_be", "1.5") == Utterance("Bonjour", "fr-be", SpeechRate(150))


@pytest.mark.parametrize(
    ("text", "language", "error"),
    [
        ("  \n", "fr", TextMissing),
        ("x" * 2_001, "fr", TextTooLong),
        ("oui", "", LanguageInvalid),
        ("oui", "français", LanguageInvalid),
        ("oui", "../etc/passwd", LanguageInvalid),
        ("oui", "fr\n", LanguageInvalid),
        ("oui", "f", LanguageInvalid),
    ],
)
def test_a_request_that_is_wrong_is_refused_by_name(text, language, error):
    with pytest.raises(error):
        Utterance.parse(text, language)


def test_the_limit_is_a_setting():
    with pytest.raises(TextTooLong):
        Utterance.parse("trop", limits=SpeechLimits(characters=3))
