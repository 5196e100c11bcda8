"""What the operator has set reaches the media processes, and what cannot be is refused at the start."""

from __future__ import annotations

import pytest

from portevoix.bootstrap import asterisk, sip
from portevoix.domain.errors import InvalidValue
from portevoix.settings import Settings

AMD = {
    "amd_initial_silence_ms": 3_000,
    "amd_greeting_ms": 1_900,
    "amd_after_greeting_silence_ms": 1_200,
    "amd_total_ms": 6_000,
    "amd_max_words": 9,
    "amd_listening_on_ms": 2_000,
    "amd_end_silence_ms": 1_800,
}


async def test_both_engines_judge_answers_by_what_is_set() -> None:
    settings = Settings.read({}, **AMD, sip_address="127.0.0.1:5060", asterisk_sounds="/sounds")
    for terms in (await sip.terms_of(settings, []), asterisk.terms_of(settings)):
        assert {name: getattr(terms.amd, name.removeprefix("amd_")) for name in AMD} == AMD


async def test_both_engines_let_a_phone_ring_for_as_long_as_is_set() -> None:
    settings = Settings.read({}, ring_timeout_s=20, sip_address="127.0.0.1:5060", asterisk_sounds="/sounds")
    assert (await sip.terms_of(settings, [])).ring_timeout_s == 20
    assert asterisk.terms_of(settings).ring_timeout_s == 20


async def test_calls_are_recorded_where_the_operator_says_so_alone() -> None:
    given = {"sip_address": "127.0.0.1:5060"}
    assert (await sip.terms_of(Settings.read({}, **given), [])).record_s == 0
    assert (await sip.terms_of(Settings.read({}, **given, record_calls_s=10), [])).record_s == 10


@pytest.mark.parametrize(("name", "value"), [("record_calls_s", 31), ("record_keep_days", 0)])
def test_more_than_may_be_kept_is_refused(name: str, value: int) -> None:
    with pytest.raises(InvalidValue, match=f"PORTEVOIX_{name.upper()}: a whole number"):
        Settings.read({}, **{name: value})


@pytest.mark.parametrize(("name", "value"), [("amd_greeting_ms", 8_000), ("amd_total_ms", 1_000)])
def test_terms_that_contradict_each_other_are_refused_at_the_start(name: str, value: int) -> None:
    with pytest.raises(InvalidValue, match=r"PORTEVOIX_AMD_\*: these must not fall"):
        Settings.read({}, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("amd_max_words", 0), ("amd_end_silence_ms", 10), ("amd_total_ms", 70_000)]
)
def test_terms_outside_of_reason_are_refused_by_their_name(name: str, value: int) -> None:
    with pytest.raises(InvalidValue, match=f"PORTEVOIX_{name.upper()}: a whole number"):
        Settings.read({}, **{name: value})
