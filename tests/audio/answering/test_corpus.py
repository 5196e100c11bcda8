"""A small set of generated calls, with other phrases than those that the analyser was tuned on."""

import asyncio

import pytest
from bench.answered import Kind, answered_calls
from bench.answering import MACHINES, PEOPLE, RIGHT, is_right, judge, matrix, p95, share
from bench.greetings import JUDGING, TUNING

from portevoix.audio.sandbox import JobModule, Sandbox
from portevoix.speech.espeak import EspeakSpeech

SEED = 1
COUNTS = {
    Kind.HELLO: 12,
    Kind.SHORT: 12,
    Kind.MACHINE: 12,
    Kind.CURT: 6,
    Kind.NO_BEEP: 6,
    Kind.BEEP: 6,
    Kind.MUSIC: 6,
    Kind.SILENCE: 2,
    Kind.NOISE: 3,
    Kind.BUSY: 3,
    Kind.SIT: 3,
    Kind.FAX: 4,
}


async def generate(counts, seed=SEED):
    async with Sandbox([JobModule("portevoix.speech.jobs")]) as sandbox:
        return await answered_calls(EspeakSpeech(sandbox), seed, JUDGING, counts)


@pytest.fixture(scope="module")
def judged():
    return [judge(call) for call in asyncio.run(generate(COUNTS))]


def test_people_are_told(judged):
    assert share(judged, PEOPLE, is_right) >= 97, "\n".join(matrix(judged))


def test_machines_are_told(judged):
    assert share(judged, MACHINES, is_right) >= 98, "\n".join(matrix(judged))


@pytest.mark.parametrize("kind", [Kind.SILENCE, Kind.NOISE, Kind.BUSY, Kind.SIT, Kind.FAX])
def test_what_is_neither_is_told(judged, kind):
    assert {call.answer for call in judged if call.kind is kind} == {RIGHT[kind]}


def test_beeps_are_found_and_none_is_made_up(judged):
    there = [call.beep_found for call in judged if call.beep_found is not None]
    assert len(there) == 30
    assert sum(there) >= 0.99 * len(there)
    assert sum(call.false_beeps for call in judged) == 0


def test_it_is_known_within_four_seconds(judged):
    assert p95(call.verdict_ms for call in judged if call.kind in PEOPLE | MACHINES) <= 4_000


async def test_a_seed_gives_the_same_calls_and_another_seed_others():
    counts = {Kind.CURT: 2, Kind.NOISE: 1}
    first, again, other = [await generate(counts, seed) for seed in (SEED, SEED, SEED + 1)]
    assert first == again
    assert [call.alaw for call in first] != [call.alaw for call in other]


def test_no_phrase_is_both_tuned_on_and_judged_by():
    tuned, judged = (
        {phrase for phrases in (g.hello, g.short, g.business, g.machine, g.curt, g.network) for phrase in phrases}
        for g in (TUNING, JUDGING)
    )
    assert not tuned & judged
