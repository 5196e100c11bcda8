"""Many commands in one process of their own, so that the interpreter starts once: ``python -m tests.cli.commands``.

It reads a JSON list of arguments a line, and answers a JSON object a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from click.testing import CliRunner

from portevoix.cli import main


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Commands:
    """Runs commands on a data folder, as a context manager."""

    def __init__(self, data: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.commands"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PORTEVOIX_DATA": str(data)},
        )

    def run(self, *arguments: str) -> Done:
        """Run a command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(arguments), file=self._process.stdin, flush=True)
        return Done(**json.loads(self._process.stdout.readline()))

    def said(self, *arguments: str) -> str:
        """Run a command that succeeds; returns what it printed."""
        done = self.run(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Run a command that prints JSON."""
        return json.loads(self.said(*arguments))

    def __enter__(self) -> Commands:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


def serve() -> None:
    """Run the commands that are asked for, until there are no more."""
    for line in sys.stdin:
        result = CliRunner().invoke(main, json.loads(line))
        failed = result.exception is not None and not isinstance(result.exception, SystemExit)
        crash = "".join(traceback.format_exception(result.exception)) if failed else ""
        done = Done(result.exit_code, result.stdout, result.stderr + crash)
        print(json.dumps(done._asdict()), flush=True)


if __name__ == "__main__":
    serve()
