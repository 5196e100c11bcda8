"""Real parts that tests put together."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
from starlette.types import ASGIApp, Message

BEGINNING = datetime(2026, 1, 13, 11, 35, tzinfo=UTC)
PATIENCE_S = 60

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 * 1_024**3

_numbers = itertools.count(1)

#: Asks whether servers answer, again and again: a client of its own each time would cost more than they do.
_probe = httpx2.Client(timeout=1, trust_env=False, headers={"Connection": "close"})


class ManualClock:
    """The ``Clock`` port, moved by hand."""

    def __init__(self, moment: datetime = BEGINNING) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """Return the moment."""
        return self.moment

    def advance(self, **parts: float) -> None:
        """Move the clock on: ``advance(minutes=5)``."""
        self.moment += timedelta(**parts)


@asynccontextmanager
async def running_app(app: ASGIApp) -> AsyncIterator[None]:
    """Run an ASGI application's lifespan around a block."""
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    outbox: asyncio.Queue[Message] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, inbox.get, outbox.put))  # type: ignore[arg-type]
    await inbox.put({"type": "lifespan.startup"})
    started = await outbox.get()
    assert started["type"] == "lifespan.startup.complete", started
    try:
        yield
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        await outbox.get()
        await task


@contextmanager
def new_folder(name: str) -> Iterator[Path]:
    """Make a data folder: in memory where there is room, since a database is copied and synchronised there at no cost.

    Not one of pytest's, which it closes to all but root: PostgreSQL runs as another.
    """
    has_room = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    with tempfile.TemporaryDirectory(prefix=f"portevoix-{name}-", dir=MEMORY if has_room else None) as folder:
        yield Path(folder)


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def responds(url: str) -> bool:
    """Tell whether a server answers at all."""
    try:
        _probe.get(url)
    except httpx2.HTTPError:
        return False
    return True


def until(ask: Callable[[], Any]) -> Any:
    """Ask, without a pause, until there is an answer; returns that."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := ask()):
        assert time.monotonic() < deadline, "there was no answer"
    return found


def portevoix(
    *arguments: str, data: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, on a data folder."""
    return subprocess.run(
        [sys.executable, "-m", "portevoix", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, "PORTEVOIX_DATA": str(data), **(environment or {})},
    )


class Process:
    """A real command of the command line that goes on until it is stopped, as a context manager.

    Args:
        data: its data folder.
        environment: settings.
        arguments: the command and its flags.
    """

    def __init__(self, data: Path, environment: Mapping[str, str] | None, *arguments: str) -> None:
        self.data = data
        self.log_path = data / f"{arguments[0]}-{next(_numbers)}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._environment = {**os.environ, "PORTEVOIX_DATA": str(data), **(environment or {})}
        self._arguments = arguments

    def answers(self) -> bool:
        """Tell whether it is ready."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.data.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portevoix", *self._arguments],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.answers():
                return
            time.sleep(0.02)
        raise AssertionError(f"it did not start: {self.log()}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and wait until it is gone; returns its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def log(self) -> str:
        """Read what it has logged."""
        return self.log_path.read_text(encoding="utf-8")

    def run(self, *arguments: str) -> Any:
        """Run a command beside it that prints JSON; returns what it printed."""
        done = portevoix(*arguments, data=self.data, environment=self._environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Server(Process):
    """A real ``portevoix serve``, as a context manager.

    Args:
        data: its data folder.
        environment: settings.
        arguments: further flags of ``serve``.
    """

    def __init__(
        self, data: Path, environment: Mapping[str, str] | None = None, arguments: tuple[str, ...] = ()
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(data, environment, "serve", "--port", str(self.port), *arguments)

    def answers(self) -> bool:
        """Tell whether it answers requests."""
        return responds(f"{self.url}/healthz")


class Worker(Process):
    """A real ``portevoix work``, as a context manager.

    Args:
        data: its data folder.
        environment: settings.
    """

    def __init__(self, data: Path, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(data, environment, "work")

    def answers(self) -> bool:
        """Tell whether it is at work."""
        return "is at work" in self.log()
