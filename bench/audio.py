"""Uploads made into telephone audio, and the sandbox that does it, beside sox, ffmpeg and a bare Python."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from bench.figure import Figure, Goal, Run, beside, interleave
from bench.recording import Recording
from bench.sandboxed import MODULES, command_s, event_loop, need, timed_s, warm_sandbox
from portevoix.audio.sandbox import Sandbox
from portevoix.audio.upload import Uploads
from portevoix.domain.audio import AudioTooLong

WAV = Recording(100, "wav", "pcm_s16le", "stereo")
MP3 = Recording(100, "mp3", "libmp3lame", "stereo")
# Near both limits of an upload, ten minutes and 20 MB: of what is taken, this needs the most memory.
LONGEST = Recording(599, "mp3", "libmp3lame", "stereo", bit_rate=256_000)
# Thousands of times its size when decoded, and too long by so little that it is decoded almost to its end.
BOMB = Recording(640, "flac", "flac", "7.1", rate_hz=192_000, silent=True)
UPLOADS_A_ROUND = 6
PEAK_LIMIT_S = 10

# One channel and 8,000 samples a second come first, as in Portevoix: filters have less to do then.
SOX = ("-e", "a-law")
SOX_EFFECTS = ("channels", "1", "rate", "8000", "sinc", "200-3400")
FFMPEG = ("ffmpeg", "-v", "error", "-y", "-threads", "1", "-filter_threads", "1", "-i")
FFMPEG_FILTERS = "aformat=sample_rates=8000:channel_layouts=mono,highpass=200,lowpass=3400"

# A child that only ends, and how much memory it held: told of it as of a job, by the system to its parent.
BARE_CHILD = (
    "import os, sys; child = os.fork(); child or os._exit(0); "
    "print(os.wait4(child, 0)[2].ru_maxrss * (1024 if sys.platform == 'linux' else 1))"
)


def measure(run: Run) -> list[Figure]:
    """Measure uploads, a bomb among them, and the start and the memory of the sandbox."""
    need("sox", "ffmpeg", "ps")
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder, event_loop() as runner:
        return [
            *_uploads(run, runner, Path(folder)),
            *_bomb(run, runner, Path(folder)),
            *_sandbox(run, runner),
            *_memory(run, runner),
        ]


def _uploads(run: Run, runner: asyncio.Runner, folder: Path) -> list[Figure]:
    wav, mp3 = WAV.encoded(), MP3.encoded()
    wav_path, mp3_path, out = folder / "in.wav", folder / "in.mp3", folder / "out.wav"
    wav_path.write_bytes(wav)
    mp3_path.write_bytes(mp3)
    with warm_sandbox(runner) as sandbox:
        uploads = Uploads(sandbox)
        for data in (wav, mp3):
            runner.run(uploads.receive(data))
        arms = {
            "wav": lambda: runner.run(timed_s(partial(uploads.receive, wav))),
            "sox": lambda: command_s("sox", wav_path, *SOX, out, *SOX_EFFECTS),
            "mp3": lambda: runner.run(timed_s(partial(uploads.receive, mp3))),
            "ffmpeg": lambda: _ffmpeg_s(mp3_path, out),
        }
        taken = interleave(run, "audio, uploads", arms)
    wav_name, mp3_name = "WAV, 44.1 kHz stereo", "MP3, 128 kb/s stereo"
    return [
        _rate(wav_name, "MB/s", len(wav) / 1e6, taken["wav"], ("sox", taken["sox"]), 30),
        _rate(wav_name, "x real time", WAV.seconds, taken["wav"], ("sox", taken["sox"]), 100),
        _rate(mp3_name, "MB/s", len(mp3) / 1e6, taken["mp3"], ("ffmpeg", taken["ffmpeg"]), 2),
        _rate(mp3_name, "x real time", MP3.seconds, taken["mp3"], ("ffmpeg", taken["ffmpeg"]), 100),
    ]


def _rate(
    name: str, unit: str, amount: float, took_s: list[float], baseline: tuple[str, list[float]], bound: float
) -> Figure:
    command, command_took_s = baseline
    return beside(
        "audio",
        f"upload: {name}, in {unit}",
        unit,
        [amount / each_s for each_s in took_s],
        (command, [amount / each_s for each_s in command_took_s]),
        Goal("measured", "at least", bound),
    )


def _bomb(run: Run, runner: asyncio.Runner, folder: Path) -> list[Figure]:
    bomb = BOMB.encoded()
    path, out = folder / "bomb.flac", folder / "out.wav"
    path.write_bytes(bomb)
    with warm_sandbox(runner) as sandbox:
        uploads = Uploads(sandbox)
        arms = {
            "refused": lambda: runner.run(timed_s(partial(_refused, uploads, bomb))),
            "ffmpeg": lambda: _ffmpeg_s(path, out),
        }
        taken = interleave(run, "audio, a bomb", arms)
    name = f"a bomb of {len(bomb) / 1e6:.1f} MB, refused"
    decoded = ("ffmpeg, all of it", taken["ffmpeg"])
    return [beside("audio", name, "s", taken["refused"], decoded, Goal("measured", "at most", 10))]


async def _refused(uploads: Uploads, bomb: bytes) -> None:
    try:
        await uploads.receive(bomb)
    except AudioTooLong:
        return
    raise AssertionError("the bomb was taken")


def _ffmpeg_s(path: Path, out: Path) -> float:
    return command_s(*FFMPEG, path, "-af", FFMPEG_FILTERS, "-c:a", "pcm_alaw", out)


def _sandbox(run: Run, runner: asyncio.Runner) -> list[Figure]:
    arms = {
        "sandbox": lambda: runner.run(_start_s()),
        "bare": lambda: command_s(sys.executable, "-c", "pass"),
    }
    taken = interleave(run, "audio, start of the sandbox", arms)
    bare = ("python -c pass", taken["bare"])
    return [beside("audio", "sandbox, start", "s", taken["sandbox"], bare, Goal("measured", "at most", 0.5))]


async def _start_s() -> float:
    sandbox = Sandbox(MODULES)
    try:
        return await timed_s(sandbox.start)
    finally:
        await sandbox.close()


def _memory(run: Run, runner: asyncio.Runner) -> list[Figure]:
    """Measure the most that a job holds, and what the server's side keeps of uploads that come two at a time."""
    longest = LONGEST.encoded()
    with warm_sandbox(runner) as sandbox:
        uploads = Uploads(sandbox)
        runner.run(_load(uploads, longest))
        before_mb = _resident_mb()
        arms = {
            "job": lambda: runner.run(_peak_mb(longest)),
            "bare": _bare_child_mb,
            "server": lambda: runner.run(_load(uploads, longest)),
        }
        taken = interleave(run, "audio, memory", arms)
    gained_mb = [
        (after_mb - before_mb) / (number * UPLOADS_A_ROUND) for number, after_mb in enumerate(taken["server"], 1)
    ]
    size = ("size of that upload", [len(longest) / 1e6] * run.pairs)
    bare = ("child of a bare python", taken["bare"])
    return [
        beside(
            "audio", "sandbox, a job's memory at its peak", "MB", taken["job"], bare, Goal("measured", "at most", 200)
        ),
        beside("audio", "server, memory gained an upload", "MB", gained_mb, size, Goal("measured", "at most", 0.1)),
    ]


async def _load(uploads: Uploads, data: bytes) -> float:
    """Send some uploads at once; returns what this process holds after them."""
    await asyncio.gather(*(uploads.receive(data) for _ in range(UPLOADS_A_ROUND)))
    return _resident_mb()


async def _peak_mb(data: bytes) -> float:
    async with Sandbox(MODULES) as sandbox:
        await Uploads(sandbox).receive(data)
        async with asyncio.timeout(PEAK_LIMIT_S):
            # It is told at the child's end, just after the answer; nothing else tells of that.
            while not sandbox.peak_bytes:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return sandbox.peak_bytes / 1e6


def _bare_child_mb() -> float:
    return int(subprocess.check_output([sys.executable, "-c", BARE_CHILD])) / 1e6


def _resident_mb() -> float:
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(os.getpid())])) * 1.024 / 1_000
