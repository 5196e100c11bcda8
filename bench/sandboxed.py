"""What the parts audio and speech share: a sandbox on the server's event loop, and commands to set beside it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from bench.figure import Skipped
from portevoix.audio.sandbox import JobModule, Sandbox

MODULES = (JobModule("portevoix.audio.jobs"), JobModule("portevoix.speech.jobs"))

_DEBIAN = {"ps": "procps"}


def need(*commands: str) -> None:
    """Find commands, or skip the part and name what to install."""
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        debian = " ".join(_DEBIAN.get(command, command) for command in missing)
        brew = " ".join(missing)
        raise Skipped(f"missing: {brew}; on Debian 'apt install {debian}', on macOS 'brew install {brew}'")


@contextmanager
def event_loop() -> Iterator[asyncio.Runner]:
    """Give the kind of event loop that the server's workers have."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner


@contextmanager
def warm_sandbox(runner: asyncio.Runner) -> Iterator[Sandbox]:
    """Start a sandbox with all that the server gives it, and end it with the block."""
    sandbox = Sandbox(MODULES)
    try:
        runner.run(sandbox.start())
        yield sandbox
    finally:
        runner.run(sandbox.close())


async def timed_s(action: Callable[[], Awaitable[object]]) -> float:
    """Time something on the event loop."""
    began_s = time.perf_counter()
    await action()
    return time.perf_counter() - began_s


def command_s(*command: str | Path) -> float:
    """Time a command from its start to its end."""
    began_s = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began_s
