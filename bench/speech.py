"""Speech from text to telephone audio, beside the command espeak-ng; and speech that was made before."""

from __future__ import annotations

import tempfile
import time
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.figure import Figure, Goal, Run, beside, interleave
from bench.sandboxed import command_s, event_loop, need, warm_sandbox
from portevoix.domain.speech import Utterance
from portevoix.ports import Speech
from portevoix.speech.cache import CachedSpeech
from portevoix.speech.espeak import EspeakSpeech

# No comma but the decimal one: a pause would lengthen the audio at no cost.
TEXT = (
    "Bonjour madame Durand. Votre rendez-vous du 12/03/2026 à 14h30 est confirmé. Merci de venir dix minutes "
    "en avance avec votre carte vitale et 12,50 € pour la consultation du dossier n° {:03d}."
)
TEXTS = [TEXT.format(number) for number in range(60)]
WARM_UP = 5


class Spoken(NamedTuple):
    """One text, spoken."""

    took_s: float
    played_s: float


def measure(run: Run) -> list[Figure]:
    """Measure texts one after the other, in one engine, in its cache, and by a command each."""
    need("espeak-ng")
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder, event_loop() as runner:
        out = Path(folder) / "spoken.wav"
        with warm_sandbox(runner) as sandbox:
            engine = EspeakSpeech(sandbox)
            cached = CachedSpeech(engine)
            runner.run(_speak(engine, TEXTS[:WARM_UP]))
            runner.run(_speak(cached, TEXTS))
            arms = {
                "engine": lambda: runner.run(_speak(engine, TEXTS)),
                "command": lambda: [_command(text, out) for text in TEXTS],
                "cached": lambda: runner.run(_speak(cached, TEXTS)),
            }
            taken = interleave(run, "speech", arms)
        assert cached.misses == len(TEXTS), "all but the first time came from the cache"
    command = "espeak-ng -v fr -w, a process a text"
    name = f"{len(TEXTS[0])} characters"
    p95_ms = {arm: [_p95_ms(spoken) for spoken in rounds] for arm, rounds in taken.items()}
    return [
        beside(
            "speech",
            f"{name}, whole path, one at a time",
            "x real time",
            [_times_real(spoken) for spoken in taken["engine"]],
            (command, [_times_real(spoken) for spoken in taken["command"]]),
            Goal("measured", "at least", 200),
        ),
        beside(
            "speech",
            f"{name}, whole path, p95",
            "ms",
            p95_ms["engine"],
            (command, p95_ms["command"]),
            Goal("measured", "at most", 60),
        ),
        beside(
            "speech",
            f"{name}, cached, p95",
            "ms",
            p95_ms["cached"],
            ("uncached", p95_ms["engine"]),
            Goal("measured", "at most", 5),
        ),
    ]


async def _speak(engine: Speech, texts: Sequence[str]) -> list[Spoken]:
    spoken = []
    for text in texts:
        began_s = time.perf_counter()
        audio = await engine.speak(Utterance(text))
        spoken.append(Spoken(time.perf_counter() - began_s, float(audio.duration_s)))
    return spoken


def _command(text: str, out: Path) -> Spoken:
    took_s = command_s("espeak-ng", "-v", "fr", "-w", out, text)
    with wave.open(str(out)) as played:
        return Spoken(took_s, played.getnframes() / played.getframerate())


def _times_real(spoken: Sequence[Spoken]) -> float:
    return sum(text.played_s for text in spoken) / sum(text.took_s for text in spoken)


def _p95_ms(spoken: Sequence[Spoken]) -> float:
    return 1_000 * sorted(text.took_s for text in spoken)[int(0.95 * len(spoken))]
