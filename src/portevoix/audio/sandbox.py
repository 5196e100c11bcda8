"""The server's side of the sandbox: hands jobs to the one process that runs native code, and survives them.

FFmpeg, espeak-ng and soxr are C libraries that read hostile bytes and text. They run in a warm process that
forks a limited child for each job (:mod:`portevoix.audio.confined`); nothing that a job does reaches the
server but its answer, whose size is bounded and whose shape the caller checks.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Self

from portevoix.audio.jobwire import (
    EXITED,
    FAULT,
    KILL,
    LENGTH,
    LENGTHS,
    NOTICE,
    OUT_OF_MEMORY,
    OUTPUT_TOO_LARGE,
    REQUEST,
    RUN,
)

_START_LIMIT_S = 30.0
_CLOSE_LIMIT_S = 5.0
# The child ends itself at its wall limit; this much later the server no longer relies on that.
_WALL_GRACE_S = 2.0
_MOST_REPORT_BYTES = 1_024 * 1_024
_CHUNK_BYTES = 256 * 1_024


class SandboxError(Exception):
    """A job gave no result; the subclass says why."""


class JobCrashed(SandboxError):
    """The child died of a signal or of a fault in the job's own code."""


class JobTimedOut(SandboxError):
    """The job used up its CPU time or its wall time."""


class JobOutOfMemory(SandboxError):
    """The job wanted more memory than its limit."""


class JobOutputTooLarge(SandboxError):
    """The job's result is larger than its limit."""


class SandboxLost(SandboxError):
    """The sandbox process itself ended or did not start; the next job starts it again."""


class JobRefused(SandboxError):
    """The job refused its input.

    Args:
        code: of the refusal in the domain's error tree.
        message: its message.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class JobLimits:
    """What one job may use.

    Args:
        cpu_s: CPU seconds, whole.
        wall_s: seconds from its start to its end.
        memory_bytes: address space over that of the warm process (on Linux).
        output_bytes: size of its result.
        reads_files: whether it may open files to read, as a voice does its data.
    """

    cpu_s: int = 20
    wall_s: float = 60.0
    memory_bytes: int = 384 * 1_024 * 1_024
    output_bytes: int = 16 * 1_024 * 1_024
    reads_files: bool = False


@dataclass(frozen=True, slots=True)
class JobModule:
    """A module that holds jobs.

    Args:
        name: importable, with ``JOBS`` and ``warm_up`` (:class:`portevoix.audio.confined.JobModule`).
        settings: what ``warm_up`` is given; plain JSON.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a job gave: a report (untrusted JSON, to be checked by the caller) and bytes."""

    report: Mapping[str, Any]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Exit:
    """How a child ended: its exit code, or minus the signal that killed it."""

    code: int
    peak_bytes: int


class Sandbox:
    """Runs jobs, a few at a time, each in its own child; starts its process when needed, and again when lost.

    Args:
        modules: which hold the jobs.
        jobs_at_once: how many run together; the others wait.
    """

    def __init__(self, modules: Sequence[JobModule], jobs_at_once: int = 2) -> None:
        self._modules = tuple(modules)
        self._slots = asyncio.Semaphore(jobs_at_once)
        self._starting = asyncio.Lock()
        self._process: _Process | None = None
        self._peak_bytes = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def process_id(self) -> int | None:
        """The sandbox process, while it runs."""
        return self._process.process_id if self._process and not self._process.lost else None

    @property
    def peak_bytes(self) -> int:
        """The most memory that any job has held, resident, the warm process's own pages included."""
        return max(self._peak_bytes, self._process.peak_bytes if self._process else 0)

    async def start(self) -> None:
        """Start the process now, so that the first job finds it warm.

        Raises:
            SandboxLost: it did not come up; its own words are on the server's standard error.
        """
        await self._running()

    async def close(self) -> None:
        """End the process and every job in it."""
        async with self._starting:
            process, self._process = self._process, None
            if process is not None:
                self._peak_bytes = max(self._peak_bytes, process.peak_bytes)
                await process.close()

    async def run(
        self, job: str, arguments: Mapping[str, Any], body: bytes = b"", limits: JobLimits | None = None
    ) -> Reply:
        """Run one job.

        Raises:
            JobRefused: the job refused its input, with a code of the domain.
            JobCrashed, JobTimedOut, JobOutOfMemory, JobOutputTooLarge: the job ended badly.
            SandboxLost: the sandbox process ended meanwhile, or could not be started.
        """
        async with self._slots:
            process = await self._running()
            return await process.run(job, arguments, body, limits or JobLimits())

    async def _running(self) -> _Process:
        async with self._starting:
            if self._process is not None and self._process.lost:
                await self._process.close()
                self._process = None
            if self._process is None:
                self._process = await _Process.start(self._modules)
            return self._process


class _Process:
    """One sandbox process, from its start to its end."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.lost = False
        self.peak_bytes = 0
        self._process = process
        self._control = control
        self._numbers = itertools.count(1)
        self._exits: dict[int, asyncio.Future[_Exit | None]] = {}
        self._listening: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, modules: Sequence[JobModule]) -> _Process:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        setup = json.dumps(
            {"path": sys.path, "modules": [[module.name, dict(module.settings)] for module in modules]}
        ).encode()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-X", "utf8", "-m", "portevoix.audio.confined", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # No secrets of the server's; one thread, since the process forks.
                env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,
            )
        started = cls(process, ours)
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                await asyncio.get_running_loop().sock_sendall(ours, LENGTH.pack(len(setup)) + setup)
                await started._notice()
        except (OSError, EOFError, TimeoutError) as error:
            await started.close()
            raise SandboxLost(f"the sandbox did not start (exit code {process.returncode})") from error
        except BaseException:
            await started.close()
            raise
        started._listening = asyncio.create_task(started._listen())
        return started

    @property
    def process_id(self) -> int:
        return self._process.pid

    async def close(self) -> None:
        self.lost = True
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
        self._control.close()
        self._release()
        try:
            async with asyncio.timeout(_CLOSE_LIMIT_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def run(self, job: str, arguments: Mapping[str, Any], body: bytes, limits: JobLimits) -> Reply:
        number = next(self._numbers)
        exited = self._exits[number] = asyncio.get_running_loop().create_future()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [REQUEST.pack(RUN, number)], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise SandboxLost("the sandbox process has ended") from error
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException:
            ours.close()
            self._kill(number)
            raise
        answered = False
        try:
            async with asyncio.timeout(limits.wall_s + _WALL_GRACE_S):
                header = {"job": job, "arguments": dict(arguments), "limits": asdict(limits)}
                await _send(writer, json.dumps(header).encode(), body)
                reply = await _receive(reader, limits)
                answered = True
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise _reason(await exited) from error
        except TimeoutError as error:
            raise JobTimedOut(f"the job was still running after {limits.wall_s:g} s") from error
        finally:
            if not answered and not exited.done():
                self._kill(number)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        return reply

    def _kill(self, number: int) -> None:
        # When the control socket is broken, the sandbox is gone and its children with it.
        with contextlib.suppress(OSError):
            self._control.send(REQUEST.pack(KILL, number))

    async def _listen(self) -> None:
        """Take note of every child's end, until the process itself ends."""
        try:
            while True:
                kind, number, code, peak_bytes = await self._notice()
                if kind == EXITED:
                    self.peak_bytes = max(self.peak_bytes, peak_bytes)
                    exited = self._exits.pop(number, None)
                    if exited is not None and not exited.done():
                        exited.set_result(_Exit(code, peak_bytes))
        except (OSError, EOFError):
            self.lost = True
            self._release()

    async def _notice(self) -> tuple[int, int, int, int]:
        message = b""
        while len(message) < NOTICE.size:
            piece = await asyncio.get_running_loop().sock_recv(self._control, NOTICE.size - len(message))
            if not piece:
                raise EOFError
            message += piece
        kind, number, code, peak_bytes = NOTICE.unpack(message)
        return kind, number, code, peak_bytes

    def _release(self) -> None:
        """Tell every waiting job that the sandbox is gone."""
        for exited in self._exits.values():
            if not exited.done():
                exited.set_result(None)
        self._exits.clear()


async def _send(writer: asyncio.StreamWriter, header: bytes, body: bytes) -> None:
    writer.write(LENGTHS.pack(len(header), len(body)) + header)
    # In pieces: the transport would copy the whole upload into its buffer.
    view = memoryview(body)
    for start in range(0, len(body), _CHUNK_BYTES):
        writer.write(view[start : start + _CHUNK_BYTES])
        await writer.drain()
    await writer.drain()


async def _receive(reader: asyncio.StreamReader, limits: JobLimits) -> Reply:
    report_bytes, body_bytes = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
    if report_bytes > _MOST_REPORT_BYTES or body_bytes > limits.output_bytes:
        raise JobOutputTooLarge(f"the job's result has {body_bytes} bytes")
    packed = await reader.readexactly(report_bytes)
    body = await reader.readexactly(body_bytes)
    try:
        report = json.loads(packed)
    except ValueError as error:
        raise JobCrashed("the job's report is not JSON") from error
    if not isinstance(report, dict):
        raise JobCrashed("the job's report is no object")
    if "error" in report:
        raise _told(str(report["error"]), str(report.get("message", "")))
    return Reply(report, body)


def _told(code: str, message: str) -> SandboxError:
    """The error that a child reported itself."""
    if code == OUT_OF_MEMORY:
        return JobOutOfMemory("the job ran out of memory")
    if code == OUTPUT_TOO_LARGE:
        return JobOutputTooLarge(f"the job's result is too large: {message}")
    if code == FAULT:
        return JobCrashed(f"the job failed: {message}")
    return JobRefused(code, message)


def _reason(exited: _Exit | None) -> SandboxError:
    """The error that a child's end tells, when it gave no whole answer."""
    if exited is None:
        return SandboxLost("the sandbox process ended in the middle of the job")
    if -exited.code in (signal.SIGXCPU, signal.SIGALRM):
        return JobTimedOut("the job used up its time")
    return JobCrashed(
        f"the job died of {signal.Signals(-exited.code).name}" if exited.code < 0 else "the job ended without an answer"
    )
