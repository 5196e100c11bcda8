"""Whatever is heard: no error, no growth, the same each time, however it is cut into pieces."""

from collections import deque
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from soundtrack import alaw, listen

from portevoix.audio.answering.analyser import Analyser
from portevoix.audio.answering.heard import Beep, Busy, Decided, Fax, Ready, Sit, Word

LENGTHS_MS = st.integers(20, 2_500)
PARTS = st.one_of(
    st.builds("say {}".format, LENGTHS_MS),
    st.builds("silent {}".format, LENGTHS_MS),
    st.builds("noise {}".format, LENGTHS_MS),
    st.builds("tone {} {}".format, st.integers(50, 3_900), LENGTHS_MS),
    st.builds("tone {}+{} {}".format, st.integers(50, 3_900), st.integers(50, 3_900), LENGTHS_MS),
    st.builds("reversed {} {}".format, st.sampled_from([440, 1_100, 2_100]), LENGTHS_MS),
)
SCRIPTS = st.lists(PARTS, min_size=1, max_size=8).map(", ".join)
SOUNDS = st.one_of(st.binary(max_size=4_000), st.builds(alaw, SCRIPTS, tone_level=st.floats(0.001, 2)))

UNHURRIED = settings(deadline=None, max_examples=60)


@UNHURRIED
@given(SOUNDS)
def test_what_is_told_is_in_order_and_makes_sense(sound):
    heard, verdict = listen(sound)
    assert all(one.at_ms <= other.at_ms for one, other in pairwise(heard))
    assert all(0 < one.at_ms <= len(sound) / 8 for one in heard)
    for one in heard:
        if isinstance(one, Word | Beep):
            assert 0 <= one.start_ms < one.end_ms <= one.at_ms
        if isinstance(one, Decided):
            assert 0 < one.confidence <= 1
    readies = [one for one in heard if isinstance(one, Ready)]
    assert [ready.is_again for ready in readies] == [number > 0 for number in range(len(readies))]
    assert not any(isinstance(one, Busy | Sit | Fax) for one in heard[:-1])
    decided = [one for one in heard if isinstance(one, Decided)]
    assert verdict.decision == (decided[-1].decision if decided else None)


@UNHURRIED
@given(SOUNDS)
def test_the_same_sound_is_told_the_same(sound):
    assert listen(sound) == listen(sound)


@UNHURRIED
@given(SOUNDS, st.integers(1, 3_000))
def test_it_does_not_matter_how_the_sound_is_cut(sound, step):
    assert listen(sound, step=step) == listen(sound)


def held(thing: object) -> int:
    """Count what an object holds: bytes, items, and those of its own objects."""
    if isinstance(thing, (bytes, deque, list)):
        return len(thing)
    module = type(thing).__module__
    return sum(map(held, vars(thing).values())) if module.startswith("portevoix") and hasattr(thing, "__dict__") else 1


@settings(deadline=None, max_examples=10)
@given(SCRIPTS)
def test_its_memory_does_not_grow(script):
    analyser = Analyser()
    sound = alaw(script)
    sizes = []
    for _ in range(12):
        analyser.hear(sound)
        sizes.append(held(analyser))
    assert max(sizes) <= 300
