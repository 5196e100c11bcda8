"""A node: a process of the product's own command, which is killed, put to sleep and set wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.parts import PATIENCE_S


class Node:
    """A process, with a data folder of its own.

    Args:
        name: for people.
        data: the folder; its output goes there too.
        command: of ``portevoix``.
        environment: its settings.
        within: what the process is started by, such as ``ip netns exec NAME``.
    """

    def __init__(
        self,
        name: str,
        data: Path,
        command: Sequence[str],
        environment: Mapping[str, str],
        within: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.log = data / f"{name}.log"
        self._data = data
        self._command = [*within, sys.executable, "-m", "portevoix", *command]
        self._environment = {**os.environ, "PORTEVOIX_DATA": str(data), **environment}
        self.process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.returncode is None

    async def start(self, more: Mapping[str, str] | None = None) -> None:
        """Start it, with further variables where some are given; it is ready some time later."""
        self._data.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = await self._spawn(log, {**self._environment, **(more or {})})

    async def _spawn(self, log: IO[bytes], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    async def kill(self) -> None:
        """Kill it."""
        assert self.process is not None
        if self.is_running:
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Tell it to stop, and wait until it is gone; returns its exit status."""
        assert self.process is not None
        if self.is_running:
            self.process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    def sleep(self) -> None:
        """Stop all of its processes where they are."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        for pid in family(self.process.pid):
            os.kill(pid, number)


def family(pid: int) -> list[int]:
    """List a process and all that it has started, itself first."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]
