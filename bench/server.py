"""Servers in processes of their own: Portevoix, and the bare application that it is set beside."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE_S = 60
POLL_S = 0.005
SCRIPT = Path(sysconfig.get_path("scripts")) / "portevoix"

#: Counted, but never reached: a limit that is off would not be measured.
LIMIT_OUT_OF_REACH = "999999/second"


class Server:
    """A server process on a port of its own, as a context manager; its output goes to a file.

    Args:
        command: starts it; the port is appended.
        environment: beyond our own.
        log_path: where its output is added.
    """

    def __init__(self, command: Sequence[str | Path], environment: dict[str, str], log_path: Path) -> None:
        self.port = _free_port()
        self.log_path = log_path
        self._command = [*command, str(self.port)]
        self._environment = {**_ours(), **environment}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start it; returns the seconds until it answered ``/healthz``."""
        began_s = time.perf_counter()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)
        while not self._answers():
            late = time.perf_counter() - began_s > PATIENCE_S
            if late or self.process.poll() is not None:
                raise RuntimeError(f"the server did not start: {self.log_path.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(POLL_S)
        return time.perf_counter() - began_s

    def stop(self) -> None:
        """Ask it to stop, and wait until it is gone."""
        assert self.process is not None, "it was started"
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.sendall(b"GET /healthz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                return line.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@dataclass(frozen=True, slots=True)
class Node:
    """A data folder with an account in it.

    Args:
        key: a test key of the account.
        environment: settings of the node, beyond its data folder: another database.
    """

    data: Path
    key: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def prepare(cls, data: Path, credit_euros: int = 19) -> Node:
        """Make a data folder as a first start leaves it, with one account; in one that is there, another account."""
        node = cls(data, "")
        made = json.loads(node.told("account", "create", "Bench", "--credit", str(credit_euros), "--json"))
        node.told("credit", "add", f"{made['account']}/sandbox", str(credit_euros))
        return replace(node, key=made["test_key"])

    def told(self, *command: str) -> str:
        """Run a command of ``portevoix`` on the node's data; returns what it prints."""
        asked = [SCRIPT, *command, "--data", self.data]
        environment = {**_ours(), **self.environment}
        return subprocess.run(asked, check=True, capture_output=True, text=True, env=environment).stdout

    def portevoix(self, environment: Mapping[str, str] | None = None) -> Server:
        """Make a ``portevoix serve`` with one worker and everything on: access log, metrics, limits counted.

        Args:
            environment: further settings.
        """
        limits = {f"PORTEVOIX_LIMIT_{name}": LIMIT_OUT_OF_REACH for name in ("ME", "TTS", "V2", "WRONG_KEY")}
        command: list[str | Path] = [SCRIPT, "serve", "--workers", "1", "--data", self.data, "--port"]
        return Server(command, {**limits, **self.environment, **(environment or {})}, self.data / "access.log")

    def hello(self) -> Server:
        """Make the bare ASGI application, on granian as Portevoix sets it up."""
        return Server([sys.executable, "-m", "bench.hello"], {}, self.data / "hello.log")


def _ours() -> dict[str, str]:
    """Give our own environment, without what somebody has set for Portevoix."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PORTEVOIX_")}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
