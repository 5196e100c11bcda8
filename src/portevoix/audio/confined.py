"""The inside of the sandbox: one warm process that forks a confined child for each job.

Started by :mod:`portevoix.audio.sandbox` as a plain Python process with an empty environment. It imports
the modules that hold the jobs, lets each warm up, and from then on only forks, kills and reaps: whatever a
job does to its memory is gone with it, so a job always starts from the same state and gives the same bytes.

A child may use: so much CPU, wall time and memory; the descriptors 0 to 3, of which only 3 leads anywhere; no
new file unless the job asks for that (a voice reads its data). It may write no file, start no process, and
signal none.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from portevoix.audio.jobwire import (
    EXITED,
    FAULT,
    KILL,
    LENGTH,
    LENGTHS,
    NOTICE,
    OUT_OF_MEMORY,
    OUTPUT_TOO_LARGE,
    READY,
    REQUEST,
    RUN,
)
from portevoix.audio.seccomp import deny_system_calls
from portevoix.domain.errors import DomainError

Job = Callable[[Mapping[str, Any], bytes], tuple[Mapping[str, Any], bytes]]
"""Takes arguments and a body, gives a report and a body; both halves as in :mod:`portevoix.audio.jobwire`."""


class JobModule(Protocol):
    """A module that holds jobs, and brings what they need into memory before the first fork."""

    JOBS: Mapping[str, Job]

    def warm_up(self, settings: Mapping[str, Any]) -> None:
        """Load libraries and data."""


_JOB_SOCKET = 3
_FILES_OF_A_VOICE = 32
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000
_LINUX = sys.platform == "linux"


def main(control_fd: int) -> None:
    """Read the set-up, warm up, say so, and serve until the server closes its end."""
    control = socket.socket(fileno=control_fd)
    (setup_bytes,) = LENGTH.unpack(control.recv(LENGTH.size, socket.MSG_WAITALL))
    told = json.loads(control.recv(setup_bytes, socket.MSG_WAITALL))
    sys.path[:] = told["path"]
    _confine_process()
    # ONNX Runtime brings a thread that only sleeps; Python 3.12 and later warn of it at each fork.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    jobs: dict[str, Job] = {}
    for name, settings in told["modules"]:
        module: JobModule = importlib.import_module(name)
        module.warm_up(settings)
        jobs.update(module.JOBS)
    # What is in memory now stays shared with every child: the collector must not touch its pages.
    gc.collect()
    gc.freeze()
    control.sendall(NOTICE.pack(READY, 0, 0, 0))
    _Keeper(control, jobs).serve()


def _confine_process() -> None:
    """Give up new privileges and, where the kernel lets an ordinary process do so, the network."""
    if _LINUX:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        # An empty network namespace; containers may refuse it, and the limits of each child stand anyway.
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


class _Keeper:
    """Forks, kills and reaps; reads nothing that a job wrote."""

    def __init__(self, control: socket.socket, jobs: Mapping[str, Job]) -> None:
        self._control = control
        self._jobs = jobs
        self._job_of: dict[int, int] = {}  # process id → job number
        self._null = os.open(os.devnull, os.O_RDWR)
        self._woken, waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        # A handler must exist for the wake-up to be written.
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)

    def serve(self) -> None:
        """Serve until the server is gone, then end what still runs."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ, self._on_request)
            selector.register(self._woken, selectors.EVENT_READ, self._on_child)
            # The server may also go without a word, or before it has read the last notice.
            with contextlib.suppress(ConnectionError):
                while all(key.data() for key, _ in selector.select()):
                    pass
        for process_id in self._job_of:
            os.kill(process_id, signal.SIGKILL)

    def _on_request(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, REQUEST.size, 1)
        if len(message) < REQUEST.size:
            return False
        verb, job = REQUEST.unpack(message)
        if verb == RUN:
            self._fork(job, descriptors[0])
        elif verb == KILL:
            for process_id in [each for each, number in self._job_of.items() if number == job]:
                os.kill(process_id, signal.SIGKILL)
        return True

    def _fork(self, job: int, descriptor: int) -> None:
        process_id = os.fork()
        if process_id == 0:
            try:
                _run_job(descriptor, self._null, self._jobs)
            finally:
                os._exit(0)
        os.close(descriptor)
        self._job_of[process_id] = job

    def _on_child(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 512)
        while self._job_of:
            process_id, status, usage = os.wait4(-1, os.WNOHANG)
            if process_id == 0:
                break
            job = self._job_of.pop(process_id)
            peak_bytes = usage.ru_maxrss * (1_024 if _LINUX else 1)
            self._control.sendall(NOTICE.pack(EXITED, job, os.waitstatus_to_exitcode(status), peak_bytes))
        return True


def _run_job(descriptor: int, null: int, jobs: Mapping[str, Job]) -> None:
    """The life of a child: close what is not its own, read the request, work, answer."""
    if _LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.dup2(descriptor, _JOB_SOCKET)
    os.closerange(_JOB_SOCKET + 1, os.sysconf("SC_OPEN_MAX"))
    with socket.socket(fileno=_JOB_SOCKET) as answer:
        with answer.makefile("rb") as stream:
            header_bytes, body_bytes = LENGTHS.unpack(stream.read(LENGTHS.size))
            header = json.loads(stream.read(header_bytes))
            body = stream.read(body_bytes)
        report, result = _answer(jobs, header, body)
        if len(result) > header["limits"]["output_bytes"]:
            report, result = {"error": OUTPUT_TOO_LARGE, "message": f"{len(result)} bytes"}, b""
        packed = json.dumps(report).encode()
        answer.sendall(LENGTHS.pack(len(packed), len(result)) + packed)
        answer.sendall(result)


def _answer(jobs: Mapping[str, Job], header: Mapping[str, Any], body: bytes) -> tuple[Mapping[str, Any], bytes]:
    """Run the job, confined; a refusal keeps its code, anything unforeseen is told by its type."""
    try:
        _confine_job(header["limits"])
        return jobs[header["job"]](header["arguments"], body)
    except DomainError as refusal:
        return {"error": refusal.code, "message": refusal.message}, b""
    except MemoryError:
        return {"error": OUT_OF_MEMORY, "message": ""}, b""
    except Exception as fault:  # noqa: BLE001 — told to the server, which raises it there
        return {"error": FAULT, "message": f"{type(fault).__name__}: {fault}"[:300]}, b""


def _confine_job(limits: Mapping[str, Any]) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits["wall_s"])
    _lower(resource.RLIMIT_CPU, limits["cpu_s"], grace=1)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NPROC, 0)
    if _LINUX:
        # Address space, over what the warm process maps already. macOS does not enforce it.
        mapped_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        _lower(resource.RLIMIT_AS, mapped_pages * resource.getpagesize() + limits["memory_bytes"])
        # Where the kernel has no such filter, the limits stand alone.
        deny_system_calls()
    # Last, since what stands above opens a file.
    _lower(resource.RLIMIT_NOFILE, _FILES_OF_A_VOICE if limits["reads_files"] else _JOB_SOCKET + 1)


def _lower(which: int, value: int, grace: int = 0) -> None:
    resource.setrlimit(which, (value, value + grace))


if __name__ == "__main__":
    main(int(sys.argv[1]))
