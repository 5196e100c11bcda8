"""Beeps and the network's tones; and what is none."""

import pytest
from soundtrack import hear, of

from portevoix.audio.answering.heard import Beep, Busy, Decided, Decision, Fax, Ready, Sit, Why, Word


@pytest.mark.parametrize("frequency_hz", [400, 440, 620, 800, 950, 1_000, 1_100, 1_400, 1_800, 2_100, 2_500])
@pytest.mark.parametrize("length_ms", [150, 400, 1_000])
@pytest.mark.parametrize("level", [0.01, 0.1, 0.5])
def test_a_beep_is_told_with_its_times_and_its_frequency(frequency_hz, length_ms, level):
    heard = hear(f"silent 600, tone {frequency_hz} {length_ms}, silent 1500", tone_level=level)
    (beep,) = of(heard, Beep)
    assert abs(beep.start_ms - 600) <= 40
    assert abs(beep.end_ms - 600 - length_ms) <= 40
    assert abs(beep.frequency_hz - frequency_hz) <= 5
    assert [one.decision for one in of(heard, Decided)] == [Decision.MACHINE]


def test_a_beep_of_two_tones_has_the_lower_frequency():
    (beep,) = of(hear("silent 600, tone 800+1200 400, silent 1000"), Beep)
    assert abs(beep.frequency_hz - 800) <= 5


def test_a_beep_is_heard_over_a_noisy_line():
    (beep,) = of(hear("silent 2000, tone 1000 400, silent 1000", tone_level=0.1, noise_level=0.02), Beep)
    assert abs(beep.frequency_hz - 1_000) <= 5


def test_a_beep_is_no_word():
    assert of(hear("silent 600, tone 1000 400, silent 1000"), Word) == []


@pytest.mark.parametrize(
    "script",
    [
        "silent 600, tone 1000 60, silent 1500",
        "silent 600, tone 1000 4000, silent 1500",
        "silent 600, tone 1000 400, say 2000, silent 400",
        "silent 600, tone 523 300, tone 659 300, tone 784 300, say 2000",
        "silent 600, tone 200 400, silent 1500",
        "silent 600, bell 1000 500, silent 1500",
        "silent 600, noise 400, silent 1500",
        "silent 600, say 3000, silent 1500",
    ],
    ids=["short", "long", "in speech", "melody", "hum", "bell", "noise", "speech"],
)
def test_what_is_no_beep_is_not_told(script):
    assert of(hear(script), Beep) == []


@pytest.mark.parametrize("key", ["697+1209", "770+1336", "852+1477", "941+1336"])
def test_a_key_that_somebody_presses_is_no_beep(key):
    heard = hear(f"say 600, silent 500, tone {key} 300, silent 3000")
    assert of(heard, Beep) == []
    assert of(heard, Decided)[0].decision is Decision.PERSON


BUSY = {"France": (440, 500), "congestion": (440, 250), "Germany": (425, 480), "United Kingdom": (400, 375)}


@pytest.mark.parametrize(("frequency_hz", "half_ms"), BUSY.values(), ids=BUSY)
def test_a_busy_tone_is_no_row_of_beeps(frequency_hz, half_ms):
    heard = hear("silent 300, " + ", ".join([f"tone {frequency_hz} {half_ms}, silent {half_ms}"] * 5))
    (busy,) = of(heard, Busy)
    assert abs(busy.frequency_hz - frequency_hz) <= 5
    assert busy.at_ms <= 300 + 6 * half_ms
    assert of(heard, Beep) == of(heard, Ready) == []
    assert [(one.decision, one.why) for one in of(heard, Decided)] == [(Decision.MACHINE, Why.BUSY)]


def test_the_busy_tone_of_north_america_is_known():
    assert of(hear(", ".join(["tone 480+620 500, silent 500"] * 4)), Busy)


def test_a_busy_tone_ends_a_greeting_too():
    heard = hear("say 3000, silent 500, " + ", ".join(["tone 440 500, silent 500"] * 4))
    assert of(heard, Busy)
    assert of(heard, Decided)[-1].why is Why.BUSY


def test_beeps_that_come_irregularly_are_no_busy_tone():
    heard = hear("tone 440 500, silent 500, tone 440 200, silent 700, tone 440 500, silent 900")
    assert of(heard, Busy) == []


@pytest.mark.parametrize("tones", [(950, 1_400, 1_800), (914, 1_371, 1_777), (985, 1_429, 1_777)])
@pytest.mark.parametrize("gap_ms", [0, 30])
def test_an_information_tone_is_told_instead_of_the_announcement_behind_it(tones, gap_ms):
    rising = ", ".join(f"tone {frequency_hz} 330, silent {gap_ms}" for frequency_hz in tones)
    heard = hear(f"silent 300, {rising}, silent 700, say 4000, silent 3000")
    assert len(of(heard, Sit)) == 1
    assert heard[-1] == of(heard, Sit)[0]
    assert of(heard, Beep) == []


def test_three_tones_that_are_apart_are_no_information_tone():
    assert of(hear("tone 950 330, silent 200, tone 1400 330, silent 200, tone 1800 330, silent 900"), Sit) == []


def test_three_falling_tones_are_no_information_tone():
    assert of(hear("tone 1800 330, tone 1400 330, tone 950 330, silent 900"), Sit) == []


@pytest.mark.parametrize("tone", ["tone 2100 3000", "tone 2090 2700", "reversed 2100 3300"])
def test_a_fax_that_is_called_is_told_by_its_tone(tone):
    heard = hear(f"silent 500, {tone}, silent 500")
    (fax,) = of(heard, Fax)
    assert fax.at_ms <= 2_500
    assert of(heard, Beep) == []


def test_a_beep_of_2100_hertz_is_no_fax():
    heard = hear("silent 500, tone 2100 500, silent 1000")
    assert of(heard, Fax) == []
    assert len(of(heard, Beep)) == 1


def test_a_fax_that_calls_is_told_at_its_second_tone():
    heard = hear("silent 500, tone 1100 500, silent 3000, tone 1100 500, silent 1000")
    assert heard[-1] == of(heard, Fax)[0]


def test_two_beeps_of_that_frequency_at_another_distance_are_no_fax():
    assert of(hear("silent 500, tone 1100 500, silent 1500, tone 1100 500, silent 1000"), Fax) == []


def test_nothing_is_told_after_the_network_has_spoken():
    heard = hear(", ".join(["tone 440 500, silent 500"] * 4) + ", say 4000, silent 2000, tone 1000 400, silent 1000")
    assert heard[-1] == of(heard, Busy)[0]
