"""People, machines, beeps and network tones on generated calls, beside the documented rules of Asterisk's AMD."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench import amd_rules
from bench.answered import Answered, Kind, answered_calls
from bench.figure import Figure, Goal, Run, beside
from bench.greetings import JUDGING
from bench.sandboxed import event_loop, warm_sandbox
from portevoix.audio.answering.analyser import Analyser
from portevoix.audio.answering.heard import Beep, Decided, Heard, Verdict, Why
from portevoix.audio.g711 import alaw_decode
from portevoix.domain.audio import RATE_HZ
from portevoix.speech.espeak import EspeakSpeech

SEED = 2_026
# A round: 340 greetings, 60 of the weak cases besides, and 100 calls with none.
COUNTS: Mapping[Kind, int] = {
    Kind.HELLO: 80,
    Kind.SHORT: 80,
    Kind.MACHINE: 80,
    Kind.CURT: 20,
    Kind.NO_BEEP: 40,
    Kind.BEEP: 20,
    Kind.MUSIC: 20,
    Kind.BUSINESS: 40,
    Kind.RADIO: 20,
    Kind.SILENCE: 20,
    Kind.NOISE: 20,
    Kind.BUSY: 20,
    Kind.SIT: 20,
    Kind.FAX: 20,
}
PEOPLE = frozenset({Kind.HELLO, Kind.SHORT})
WEAK = frozenset({Kind.BUSINESS, Kind.RADIO})
MACHINES = frozenset({Kind.MACHINE, Kind.CURT, Kind.NO_BEEP, Kind.BEEP, Kind.MUSIC})
RIGHT: Mapping[Kind, str] = (
    dict.fromkeys((*PEOPLE, *WEAK), "person")
    | dict.fromkeys(MACHINES, "machine")
    | {Kind.SILENCE: "silence", Kind.NOISE: "silence", Kind.BUSY: "busy", Kind.SIT: "sit", Kind.FAX: "fax"}
)
ANSWERS = ("person", "machine", "silence", "unsure", "busy", "sit", "fax")
FRAME = 160
BEEP_WITHIN_MS = 80
BEEP_WITHIN_HZ = 20

ALL = "all of them"


@dataclass(frozen=True, slots=True)
class Judged:
    """A call, and what the analyser and the rules made of it.

    Args:
        answer: who answered, one of ``ANSWERS``.
        verdict_ms: when the analyser first said who.
        beep_found: whether the beep that there is was told.
        false_beeps: how many were told that are not there.
        cpu_ms: of the analyser for each second of the call.
        fft_ms: the same of a bare spectrum of each frame.
    """

    kind: Kind
    answer: str
    verdict_ms: int
    rules: amd_rules.Judged
    beep_found: bool | None
    false_beeps: int
    cpu_ms: float
    fft_ms: float


def measure(run: Run) -> list[Figure]:
    """Measure rounds of calls, each generated from a seed of its own, and print who was taken for whom."""
    rounds = []
    with event_loop() as runner, warm_sandbox(runner) as sandbox:
        engine = EspeakSpeech(sandbox)
        for number in range(run.pairs):
            run.tell(f"answering: round {number + 1} of {run.pairs}")
            calls = runner.run(answered_calls(engine, SEED + number, JUDGING, COUNTS))
            rounds.append([judge(call) for call in calls])
    for line in matrix(call for judged in rounds for call in judged):
        run.tell(line)
    return [*_decisions(rounds), *_beeps(rounds), *_times(rounds)]


def judge(call: Answered) -> Judged:
    """Have a call heard as it comes, in frames of 20 ms."""
    frames = [call.alaw[start : start + FRAME] for start in range(0, len(call.alaw) - FRAME + 1, FRAME)]
    analyser = Analyser()
    heard: list[Heard] = []
    began_s = time.process_time()
    for frame in frames:
        heard += analyser.hear(frame)
    heard_s = time.process_time() - began_s
    verdict = analyser.verdict()
    beeps = [one for one in heard if isinstance(one, Beep)]
    found = [beep for beep in beeps if _is_true(call, beep)]
    per_second = 1_000 * RATE_HZ / len(call.alaw)
    return Judged(
        kind=call.kind,
        answer=_answer(verdict),
        verdict_ms=next((one.at_ms for one in heard if isinstance(one, Decided)), len(call.alaw) // 8),
        rules=amd_rules.judge(call.alaw),
        beep_found=bool(found) if call.beep else None,
        # A calling fax's first tone is a beep until its second is heard.
        false_beeps=0 if call.kind is Kind.FAX else len(beeps) - len(found),
        cpu_ms=heard_s * per_second,
        fft_ms=_fft_s(call.alaw) * per_second,
    )


def matrix(judged: Iterable[Judged]) -> list[str]:
    """Write who was taken for whom, a line a kind."""
    counts: dict[Kind, Counter[str]] = {kind: Counter() for kind in Kind}
    for call in judged:
        counts[call.kind][call.answer] += 1
    width = max(map(len, Kind))
    head = f"{'taken for':>{width}}  " + " ".join(f"{answer:>7}" for answer in ANSWERS)
    return [head] + [
        f"{kind:>{width}}  " + " ".join(f"{counts[kind][answer] or '·':>7}" for answer in ANSWERS) for kind in Kind
    ]


def share(judged: Sequence[Judged], kinds: Iterable[Kind], is_right: Callable[[Judged], bool]) -> float:
    """How many of some kinds of calls were told right, in percent."""
    wanted = frozenset(kinds)
    counted = [is_right(call) for call in judged if call.kind in wanted]
    return 100 * sum(counted) / len(counted)


def is_right(call: Judged) -> bool:
    """Whether the analyser told in the end who answered."""
    return call.answer == RIGHT[call.kind]


def _rules_are_right(call: Judged) -> bool:
    return call.rules.decision == RIGHT[call.kind]


def _answer(verdict: Verdict) -> str:
    if verdict.why in (Why.BUSY, Why.SIT, Why.FAX):
        return verdict.why.value
    return verdict.decision.value if verdict.decision else "unsure"


def _is_true(call: Answered, beep: Beep) -> bool:
    return (
        call.beep is not None
        and abs(beep.end_ms - call.beep.end_ms) <= BEEP_WITHIN_MS
        and abs(beep.frequency_hz - call.beep.frequency_hz) <= BEEP_WITHIN_HZ
    )


def _fft_s(alaw: bytes) -> float:
    samples = alaw_decode(alaw[: len(alaw) // FRAME * FRAME]).astype(np.float32).reshape(-1, FRAME)
    began_s = time.process_time()
    for frame in samples:
        np.fft.rfft(frame)
    return time.process_time() - began_s


def _decisions(rounds: Sequence[Sequence[Judged]]) -> list[Figure]:
    rules = "the rules of Asterisk's AMD"
    figures = []
    for name, kinds, bound in (("people", PEOPLE, 97.0), ("machines", MACHINES, 98.0)):
        measured = [share(judged, kinds, is_right) for judged in rounds]
        baseline = [share(judged, kinds, _rules_are_right) for judged in rounds]
        goal = Goal("measured", "at least", bound)
        figures.append(beside("answering", f"{name} told", "%", measured, (rules, baseline), goal))
    for kind in (kind for kind in Kind if kind not in PEOPLE | MACHINES):
        name = f"{kind} (weak)" if kind in WEAK else kind
        measured = [share(judged, {kind}, is_right) for judged in rounds]
        figures.append(beside("answering", f"told: {name}", "%", measured, (ALL, [100.0] * len(rounds))))
    return figures


def _beeps(rounds: Sequence[Sequence[Judged]]) -> list[Figure]:
    there = [[call for call in judged if call.beep_found is not None] for judged in rounds]
    found = [100 * sum(bool(call.beep_found) for call in judged) / len(judged) for judged in there]
    # One is rare: counted over all rounds.
    calls = [call for judged in rounds for call in judged]
    false = 1_000 * sum(call.false_beeps for call in calls) / len(calls)
    every = [100.0] * len(rounds)
    return [
        beside("answering", "beeps found", "%", found, (ALL, every), Goal("measured", "at least", 99)),
        beside(
            "answering",
            "beeps that are none, in 1,000 calls",
            "beeps",
            [false] * len(rounds),
            ("calls", [1_000.0] * len(rounds)),
            Goal("measured", "at most", 1),
        ),
    ]


def _times(rounds: Sequence[Sequence[Judged]]) -> list[Figure]:
    greeted = [[call for call in judged if call.kind in PEOPLE | MACHINES] for judged in rounds]
    verdict_s = [p95(call.verdict_ms / 1_000 for call in judged) for judged in greeted]
    rules_s = [p95(call.rules.at_ms / 1_000 for call in judged) for judged in greeted]
    cpu_ms = [p95(call.cpu_ms for call in judged) for judged in rounds]
    fft_ms = [p95(call.fft_ms for call in judged) for judged in rounds]
    return [
        beside(
            "answering",
            "who answered, p95 after the answer",
            "s",
            verdict_s,
            ("the rules of Asterisk's AMD", rules_s),
            Goal("measured", "at most", 4),
        ),
        beside(
            "answering",
            "CPU a call-second, p95 of calls",
            "ms",
            cpu_ms,
            ("numpy's rfft of each frame", fft_ms),
            Goal("measured", "at most", 2),
        ),
    ]


def p95(values: Iterable[float]) -> float:
    """The value that 95 in 100 do not exceed."""
    ordered = sorted(values)
    return ordered[int(0.95 * len(ordered))]
