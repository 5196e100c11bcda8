"""Calls over SIP at once, to a far end on this machine: beside a bare sender, beside those that listen, and Asterisk.

The far end is SIPp, and a process that takes the media with the kernel's time stamps. Everything shares the machine.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.carrier.asterisk.pbx import Pbx

from bench import beside_asterisk, setups
from bench.figure import Figure, Goal, Run, beside, interleave
from bench.trunk import carrier, cpu_s, dial, ears_of, far_end, memory_mb, needs_sipp
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.call import Outcome, Report
from portevoix.domain.campaign import Kind

AT_ONCE = (200, 400)
MESSAGE_S = 24
SHORT_S = 12
"""Of a deposit's message, before which 4 s of silence come, and 2.5 s after it for a beep; and beside Asterisk."""
BEGUN_A_SECOND = 100
PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Taken:
    """One measurement of many calls.

    Args:
        cpu_ms: CPU milliseconds that a second of a call takes.
        ear_ms: the same of the ear process; 0 where nothing listens.
        arrived: the share of packets that did.
        exact: the share of calls that were heard bit by bit; of those that begin with their message.
        memory_mb: resident, at the calls' end.
        ear_mb: the same of the ear process.
    """

    p50_ms: float
    p99_ms: float
    cpu_ms: float
    arrived: float
    exact: float
    memory_mb: float
    ear_ms: float = 0.0
    ear_mb: float = 0.0


def measure(run: Run) -> list[Figure]:
    """Measure many calls at once, then how calls are set up, then the same beside Asterisk where there is one."""
    needs_sipp()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as name:
        folder = Path(name)
        for calls in AT_ONCE:
            figures += _at_once(run, folder, calls)
        figures += setups.measure(run, folder)
        why = beside_asterisk.missing()
        if why:
            run.skip("calls, beside Asterisk", why)
        else:
            figures += _beside_asterisk(run, folder)
    return figures


def _at_once(run: Run, folder: Path, calls: int) -> list[Figure]:
    message, listened = _sound(folder, MESSAGE_S), _sound(folder, SHORT_S)
    arms = {
        "sip": lambda: asyncio.run(_call(folder, message, calls)),
        "bare": lambda: _bare(message, calls),
        "listening": lambda: asyncio.run(_call(folder, listened, calls, Kind.DEPOSIT)),
    }
    taken = interleave(run, f"calls, {calls} at once", arms)
    what, bare, deaf = f"{calls} calls", ("bare sender", taken["bare"]), ("without listening", taken["sip"])
    hears, ours, listening = f"{what} that listen", taken["sip"], taken["listening"]
    return [
        _figure(f"{what}, p50 of |spacing - 20 ms|", "ms", "p50_ms", ours, bare),
        _figure(f"{what}, p99 of |spacing - 20 ms|", "ms", "p99_ms", ours, bare, Goal("measured", "at most", 5)),
        _figure(
            f"{what}, CPU a call-second", "ms", "cpu_ms", ours, bare, Goal("measured", "at most", 1.8, stretch=1.0)
        ),
        _figure(f"{what}, packets that arrived", "share", "arrived", ours, bare, Goal("measured", "at least", 1.0)),
        _figure(f"{what}, calls heard bit by bit", "share", "exact", ours, bare, Goal("measured", "at least", 1.0)),
        _figure(f"{what}, memory of the media process", "MB", "memory_mb", ours, bare, Goal("measured", "at most", 80)),
        _figure(f"{hears}, p99 of |spacing - 20 ms|", "ms", "p99_ms", listening, deaf, Goal("measured", "at most", 5)),
        _figure(f"{hears}, packets that arrived", "share", "arrived", listening, deaf),
        _figure(f"{hears}, CPU a call-second, media process", "ms", "cpu_ms", listening, deaf),
        _figure(f"{hears}, CPU a call-second, ear process", "ms", "ear_ms", listening, deaf, of="cpu_ms"),
        _figure(f"{hears}, memory of the ear process", "MB", "ear_mb", listening, deaf, of="memory_mb"),
    ]


def _beside_asterisk(run: Run, folder: Path) -> list[Figure]:
    calls, message = beside_asterisk.CALLS, _sound(folder, SHORT_S)
    with beside_asterisk.running() as pbx:
        arms = {
            "sip": lambda: asyncio.run(_call(folder, message, calls)),
            "asterisk": lambda: asyncio.run(_through_asterisk(pbx, folder, message)),
        }
        taken = interleave(run, f"calls, {calls} at once beside Asterisk", arms)
    what, ours, theirs = f"{calls} calls", taken["sip"], ("Asterisk", taken["asterisk"])
    return [
        _figure(f"{what}, p50 of |spacing - 20 ms|", "ms", "p50_ms", ours, theirs),
        _figure(f"{what}, p99 of |spacing - 20 ms|", "ms", "p99_ms", ours, theirs),
        _figure(f"{what}, CPU a call-second", "ms", "cpu_ms", ours, theirs),
        _figure(f"{what}, packets that arrived", "share", "arrived", ours, theirs),
        _figure(f"{what}, calls heard bit by bit", "share", "exact", ours, theirs),
        _figure(f"{what}, memory of what makes them", "MB", "memory_mb", ours, theirs),
    ]


def _figure(
    name: str,
    unit: str,
    field: str,
    ours: Sequence[Taken],
    baseline: tuple[str, Sequence[Taken]],
    goal: Goal | None = None,
    of: str | None = None,
) -> Figure:
    """Set one field of measurements beside that of a baseline, or beside another field of it."""
    called, theirs = baseline
    others = [getattr(one, of or field) for one in theirs]
    return beside("calls", name, unit, [getattr(one, field) for one in ours], (called, others), goal)


async def _call(folder: Path, message: Path, calls: int, kind: Kind = Kind.VOICE) -> Taken:
    """Make calls over the engine of our own."""
    audio = TelephoneAudio(message.read_bytes())  # noqa: ASYNC240 - nothing else runs yet
    with _media(message) as media:
        async with far_end(folder, calls, media.port) as far, carrier() as sip:
            (pid,) = sip.supervisor.process_ids
            ears = ears_of(pid)
            before_s, ear_before_s = cpu_s(pid), cpu_s(*ears)
            reports = await _make(calls, lambda number: sip.call(dial(far.port, audio, number, kind), lambda _: None))
            taken_s, ear_s = cpu_s(pid) - before_s, cpu_s(*ears) - ear_before_s
            held_mb, ear_mb = memory_mb(pid), sum(map(memory_mb, ears))
        call_s = _call_s(reports, Outcome.ANSWERED if kind is Kind.VOICE else Outcome.VOICEMAIL)
        return _taken(media.found(), taken_s, call_s, held_mb, ear_s, ear_mb)


async def _through_asterisk(pbx: Pbx, folder: Path, message: Path) -> Taken:
    """Make calls through Asterisk; what takes CPU and memory there is Asterisk."""
    audio, calls = message.read_bytes(), beside_asterisk.CALLS  # noqa: ASYNC240 - nothing else runs yet
    with _media(message) as media:
        async with far_end(folder, calls, media.port) as far, pbx.carrier() as asterisk:
            before_s = cpu_s(pbx.process_id)
            reports = await _make(calls, lambda _: asterisk.call(pbx.dial(far.port, audio), lambda _: None))
            taken_s, held_mb = cpu_s(pbx.process_id) - before_s, memory_mb(pbx.process_id)
        return _taken(media.found(), taken_s, _call_s(reports, Outcome.ANSWERED), held_mb)


async def _make(calls: int, call: Callable[[int], Awaitable[Report]]) -> list[Report]:
    """Make calls, each begun a little after the one before, as a node does."""
    under_way = []
    for number in range(calls):
        under_way.append(asyncio.ensure_future(call(number)))
        await asyncio.sleep(1 / BEGUN_A_SECOND)
    return await asyncio.gather(*under_way)


def _call_s(reports: Sequence[Report], wanted: Outcome) -> float:
    """Add up how long calls lasted from their answers on."""
    assert all(one.outcome is wanted for one in reports), {one.outcome for one in reports}
    return sum((one.ended_at - one.answered_at).total_seconds() for one in reports if one.answered_at is not None)


def _bare(message: Path, calls: int) -> Taken:
    with _media(message) as media:
        command = [sys.executable, "-m", "bench.bare_sender", str(media.port), str(calls), str(message)]
        sender = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        held_mb = 0.0
        while sender.poll() is None:
            held_mb = max(held_mb, memory_mb(sender.pid))
            time.sleep(0.2)
        assert sender.stdout is not None
        taken_s = float(sender.stdout.read())
        sender.stdout.close()
        return _taken(media.found(), taken_s, calls * message.stat().st_size / 8_000, held_mb)


def _taken(
    found: dict[str, float], taken_s: float, call_s: float, held_mb: float, ear_s: float = 0.0, ear_mb: float = 0.0
) -> Taken:
    return Taken(
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        cpu_ms=1_000 * taken_s / call_s,
        arrived=found["packets"] / (found["packets"] + found["lost"]),
        exact=found["exact"] / found["calls"],
        memory_mb=held_mb,
        ear_ms=1_000 * ear_s / call_s,
        ear_mb=ear_mb,
    )


def _sound(folder: Path, seconds: int) -> Path:
    """Lay a message that no two places of are alike."""
    path = folder / f"message-{seconds}.alaw"
    path.write_bytes(random.Random(7).randbytes(8_000 * seconds))
    return path


class _Media:
    """What takes the media of all calls."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def found(self) -> dict[str, float]:
        """Tell what has come."""
        out, _ = self._process.communicate(timeout=PATIENCE_S)
        found: dict[str, float] = json.loads(out)
        return found


@contextmanager
def _media(message: Path) -> Iterator[_Media]:
    command = [sys.executable, "-m", "bench.far_end", str(message)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _Media(process)
        finally:
            process.kill()
