"""The ear: a process of its own hears calls; when it fails, dies, hangs or lags, what is told is bounded."""

from __future__ import annotations

import math
import os
import queue
import random
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from portevoix.audio.answering.heard import NOTHING_YET, Beep, Decision, Heard, Verdict, Word
from portevoix.audio.answering.terms import Terms
from portevoix.audio.g711 import alaw_encode
from portevoix.carrier.sip.ear import FRAME_MS, STUCK_S, Ear, Listening
from portevoix.carrier.sip.ear_wire import Batch, Begin, Begun, Deaf, Told, read_from_ear, read_to_ear
from portevoix.carrier.sip.hearing import HUNG, HUNG_TICKS, LOOK_S, MOST_LAG_S, MOST_LOST_FRAMES, Hearing
from portevoix.carrier.sip.jitter import SILENCE
from portevoix.carrier.sip.rtp import FRAME_BYTES, FRAME_S
from portevoix.carrier.sip.terms import ANALYSER
from portevoix.carrier.sip.wire import Frames, Message, WireBroken, pack
from tests.parts import PATIENCE_S

FAILING = "builtins:id"  # makes numbers, which hear nothing
VERDICT = Verdict(Decision.MACHINE, None, 0.5, 40, None, 0, 0, None, None)


def beep() -> bytes:
    """Make a machine's beep, with the silences before and after it."""
    wave = 8_000 * np.sin(2 * math.pi * 1_000 * np.arange(8 * 500) / 8_000)
    return SILENCE * 25 + alaw_encode(wave.astype(np.int16)) + SILENCE * 50


def frames(alaw: bytes) -> list[bytes]:
    """Cut sound into frames."""
    return [alaw[place : place + FRAME_BYTES] for place in range(0, len(alaw), FRAME_BYTES)]


class Signalling:
    """Does what the ear wants done, when the test says so."""

    def __init__(self) -> None:
        self._steps: queue.Queue[tuple[Callable[..., None], tuple[object, ...]]] = queue.Queue()

    def soon(self, step: Callable[..., None], *arguments: object) -> None:
        self._steps.put((step, arguments))

    def run_until(self, what: Callable[[], bool]) -> None:
        """Do what is to be done, until something holds."""
        while not what():
            step, arguments = self._steps.get(timeout=PATIENCE_S)
            step(*arguments)

    def run(self, wait_s: float) -> None:
        """Do the next thing that is to be done, if it comes in time."""
        try:
            step, arguments = self._steps.get(timeout=wait_s)
        except queue.Empty:
            return
        step(*arguments)


class Call:
    """One that listens."""

    def __init__(self, ear: Ear, wait_ms: int = 60_000) -> None:
        self.heard: list[Heard] = []
        self.times: list[int] = []
        self.is_deaf = False
        self.listening: Listening
        self.put: Callable[[bytes], None]
        self.listening, self.put = ear.listen(self._told, self._failed, wait_ms)

    def _told(self, heard: Sequence[Heard], at_ms: int) -> None:
        self.heard += heard
        self.times.append(at_ms)

    def _failed(self) -> None:
        self.is_deaf = True

    def says(self, alaw: bytes) -> None:
        for frame in frames(alaw):
            self.put(frame)


class Ears:
    """An ear with its signalling and what it counts."""

    def __init__(self, make: str, stuck_s: float) -> None:
        self.counts: Counter[str] = Counter()
        self.signalling = Signalling()
        self.ear = Ear(make, Terms(), self.signalling.soon, self.counts, stuck_s)

    def process_id(self, besides: int | None = None) -> int:
        """Wait for the process, or for the next one."""
        while (found := self.ear.process_id) in (None, besides):
            assert self.ear.is_alive()
        assert found is not None
        return found

    def says_until(self, call: Call, alaw: bytes, what: Callable[[], bool]) -> None:
        """Have a call say something, and nothing from then on, until something holds."""
        call.says(alaw)
        while not what():
            self.signalling.run(FRAME_S)
            call.says(SILENCE)


@contextmanager
def ears(make: str = ANALYSER, stuck_s: float = STUCK_S) -> Iterator[Ears]:
    """Run an ear."""
    made = Ears(make, stuck_s)
    made.ear.start()
    try:
        yield made
    finally:
        made.ear.stop()


def test_what_a_call_says_is_heard_in_another_process() -> None:
    with ears() as made:
        call = Call(made.ear)
        assert call.listening.verdict == NOTHING_YET
        assert made.process_id() != os.getpid()
        made.says_until(call, beep(), lambda: any(isinstance(one, Beep) for one in call.heard))
        assert call.listening.verdict is not None
        assert call.listening.verdict.decision is Decision.MACHINE
        assert not made.counts


def test_calls_are_told_apart_and_one_that_has_ended_is_told_nothing() -> None:
    with ears() as made:
        silent, ended, speaks = (Call(made.ear) for _ in range(3))
        ended.says(beep())
        ended.listening.end()
        made.says_until(speaks, beep(), lambda: bool(speaks.heard))
        assert (ended.heard, silent.heard) == ([], [])


def test_time_goes_by_without_an_analyser_too_and_no_process_is_started() -> None:
    with ears("") as made:
        call = Call(made.ear, wait_ms=60)
        assert (made.ear.process_id, call.listening.verdict) == (None, None)
        call.says(SILENCE * 4)
        made.signalling.run_until(lambda: bool(call.times))
        assert (call.times, call.heard) == ([60], [])


def test_an_analyser_that_fails_ends_the_listening_of_its_call_alone(capfd: pytest.CaptureFixture[str]) -> None:
    with ears(FAILING) as made:
        process, (first, second) = made.process_id(), (Call(made.ear), Call(made.ear))
        made.says_until(first, b"", lambda: first.is_deaf)
        assert first.listening.is_over
        assert (second.is_deaf, second.listening.is_over) == (False, False)
        assert made.counts == {"faults": 1}
        assert made.ear.process_id == process
    assert "the analyser failed" in capfd.readouterr().err


def test_when_the_process_dies_those_who_listened_are_told_and_the_next_are_heard() -> None:
    with ears() as made:
        lost = [Call(made.ear) for _ in range(3)]
        made.says_until(lost[0], beep(), lambda: bool(lost[0].heard))
        killed = made.process_id()
        os.kill(killed, signal.SIGKILL)
        made.signalling.run_until(lambda: all(one.is_deaf for one in lost))
        assert all(one.listening.is_over for one in lost)
        made.process_id(besides=killed)
        call = Call(made.ear)
        made.says_until(call, beep(), lambda: bool(call.heard))
        assert made.counts["ear_restarts"] == 1
        assert not call.is_deaf


def test_a_process_that_hangs_is_killed_and_nobody_waits_for_it() -> None:
    with ears(stuck_s=0.2) as made:
        call = Call(made.ear)
        made.says_until(call, beep(), lambda: bool(call.heard))
        hung = made.process_id()
        os.kill(hung, signal.SIGSTOP)
        while not call.is_deaf:
            call.says(SILENCE * 100)
            made.signalling.run(FRAME_S)
        assert made.counts["unheard"] > 0
        assert made.counts["ear_restarts"] == 1
        after = Call(made.ear)
        made.process_id(besides=hung)
        made.says_until(after, beep(), lambda: bool(after.heard))


HANGING = """
import threading
from portevoix.carrier.sip import hearing

class Hangs:
    def hear(self, alaw):
        threading.Event().wait()

hearing.TICK_S = 0.05
hearing._load = lambda name: lambda terms: Hangs()
hearing.main()
"""


def test_a_process_whose_analyser_does_not_return_ends_itself_and_one_that_has_nothing_to_do_does_not() -> None:
    ours, theirs = socket.socketpair()
    with (
        ours,
        subprocess.Popen(
            [sys.executable, "-c", HANGING, str(theirs.fileno())], pass_fds=[theirs.fileno()], stderr=subprocess.PIPE
        ) as process,
    ):
        theirs.close()
        ours.sendall(pack(Begin("", Terms())))
        assert [read_from_ear(body) for body in Frames().feed(ours.recv(99))] == [Begun()]
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05 * HUNG_TICKS * 3)
        ours.sendall(pack(Batch(0.0, ((1, 1, SILENCE),), ())))
        _, said = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, said) == (HUNG, b"the analyser hangs\n")


def test_a_process_that_cannot_keep_up_gives_up_the_calls_that_have_listened_longest() -> None:
    with ears() as made:
        calls, noise = [Call(made.ear) for _ in range(20)], random.Random(6).randbytes(FRAME_BYTES * 10)
        while not any(one.is_deaf for one in calls):
            for call in calls:
                call.says(noise)
            made.signalling.run(0.002)
        assert [one.is_deaf for one in calls] == [True, *[False] * 19]
        assert made.counts["given_up"] >= 1
        assert made.counts["faults"] == made.counts["ear_restarts"] == 0
        last = Call(made.ear)
        for call in calls:
            call.listening.end()
        made.says_until(last, beep(), lambda: bool(last.heard))


PARENT = """
import sys, threading
from collections import Counter
from portevoix.audio.answering.terms import Terms
from portevoix.carrier.sip.ear import Ear
ear = Ear(sys.argv[1], Terms(), lambda step, *arguments: None, Counter())
ear.start()
while ear.process_id is None:
    pass
print(flush=True)
threading.Event().wait()
"""


def test_the_process_ends_with_the_one_that_makes_the_calls() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, ANALYSER], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        parent.kill()
        parent.communicate(timeout=PATIENCE_S)  # the ear has its standard error: that ends when both are gone


# What the process does, without it


class Recorder:
    """An analyser that keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[bytes] = []

    def hear(self, alaw: bytes) -> Sequence[Heard]:
        self.given.append(alaw)
        return [Word(len(self.given), 0, 0)]

    def verdict(self) -> Verdict:
        return VERDICT


class Room:
    """A ``Hearing`` with the analysers that it has made."""

    def __init__(self) -> None:
        self.made: list[Recorder] = []
        self.hearing = Hearing(self._make, 0.0)

    def _make(self) -> Recorder:
        self.made.append(Recorder())
        return self.made[-1]

    def take(
        self, *said: tuple[int, int, bytes], over: tuple[int, ...] = (), now_s: float = 0.0, lag_s: float = 0.0
    ) -> list[Any]:
        now_s += 100.0
        return self.hearing.take(Batch(now_s - lag_s, said, over), now_s)


def test_frames_that_were_lost_are_heard_as_silence_so_that_times_stay_right() -> None:
    room = Room()
    assert room.take((1, 1, b"a")) == [Told(1, FRAME_MS, (Word(1, 0, 0),), VERDICT)]
    assert room.take((1, 4, b"b")) == [Told(1, 4 * FRAME_MS, (Word(2, 0, 0),), VERDICT)]
    assert room.made[0].given == [b"a", SILENCE * 2 + b"b"]


def test_a_lag_that_stays_gives_up_a_tenth_of_the_calls_which_are_never_heard_again() -> None:
    room = Room()
    room.take(*((key, 1, b"a") for key in range(1, 21)))
    lag_s = MOST_LAG_S + 1
    assert room.take(lag_s=lag_s) == []
    assert room.take(now_s=LOOK_S / 2, lag_s=lag_s) == []
    assert room.take(now_s=LOOK_S, lag_s=lag_s) == [Deaf(1, is_fault=False), Deaf(2, is_fault=False)]
    assert room.take(now_s=LOOK_S * 3 / 2, lag_s=lag_s) == []
    assert room.take(now_s=LOOK_S * 2, lag_s=lag_s) == [Deaf(3, is_fault=False), Deaf(4, is_fault=False)]
    assert room.take((1, 2, b"b"), now_s=LOOK_S * 2) == []
    assert len(room.made) == 20


def test_a_stall_that_is_made_good_costs_no_call() -> None:
    room = Room()
    room.take((1, 1, b"a"))
    for look in range(5):
        assert room.take(now_s=look * LOOK_S, lag_s=MOST_LAG_S + 1 - look * LOOK_S / 2) == []


def test_a_call_of_which_too_much_was_lost_is_given_up() -> None:
    room = Room()
    assert room.take((1, MOST_LOST_FRAMES + 1, b"a"))[0].at_ms == (MOST_LOST_FRAMES + 1) * FRAME_MS
    assert room.take((2, MOST_LOST_FRAMES + 2, b"a")) == [Deaf(2, is_fault=False)]


def test_what_was_sent_while_the_process_began_is_no_lag() -> None:
    hearing = Hearing(Recorder, began_s=150.0)
    hearing.take(Batch(100.0, ((1, 1, b"a"),), ()), 150.0)
    assert isinstance(hearing.take(Batch(100.0, ((1, 2, b"a"),), ()), 150.1)[0], Told)


def test_a_call_that_is_over_is_forgotten() -> None:
    room = Room()
    room.take((1, 1, b"a"), over=(1,))
    room.take((2, 1, b"a"))
    room.take(lag_s=MOST_LAG_S + 1)
    assert room.take(now_s=LOOK_S, lag_s=MOST_LAG_S + 1) == [Deaf(2, is_fault=False)]


@pytest.mark.parametrize(
    "message",
    [
        Begun(),
        Told(1, 20, (Word(3, 1, 2), Beep(4, 1, 2, 1_000)), VERDICT),
        Told(1, 20, (), None),
        Deaf(1, is_fault=True),
    ],
)
def test_what_the_ear_says_arrives_as_it_was_said(message: Message) -> None:
    assert [read_from_ear(body) for body in Frames().feed(pack(message))] == [message]


@pytest.mark.parametrize("message", [Begin(ANALYSER, Terms(max_words=9)), Batch(1.5, ((1, 2, b"x"),), (3, 4))])
def test_what_the_ear_is_told_arrives_as_it_was_said(message: Message) -> None:
    assert [read_to_ear(body) for body in Frames().feed(pack(message))] == [message]


@pytest.mark.parametrize("read", [read_to_ear, read_from_ear])
def test_what_is_no_message_is_refused(read: Callable[[bytes], object]) -> None:
    for body in (b"", b"\xff", pack(Begun())[4:-1]):
        with pytest.raises(WireBroken):
            read(body)
