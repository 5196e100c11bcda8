"""The command line as a user runs it against a server, on a terminal or not."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from portevoix.client import VoicePartner
from tests.cli.commands import Commands
from tests.parts import PATIENCE_S, Server, portevoix


@dataclass(frozen=True)
class Shell:
    """Runs commands with a key.

    Args:
        folder: where it works.
        account: the key's.
    """

    folder: Path
    url: str
    account: str
    key: str

    @classmethod
    def of(cls, folder: Path, server: Server, operator: Commands) -> Shell:
        """Open an account with 100 € on both ledgers."""
        opened = operator.json("account", "create", "Mairie", "--credit", "100", "--json")
        return cls(folder, server.url, opened["account"], opened["test_key"])

    @property
    def environment(self) -> dict[str, str]:
        return {"PORTEVOIX_KEY": self.key, "PORTEVOIX_URL": self.url}

    def voice(self) -> VoicePartner:
        """Make a client of the same account."""
        return VoicePartner(self.key, base_url=self.url)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return portevoix(*arguments, data=self.folder, environment={**self.environment, **environment})

    def done(self, *arguments: str, **environment: str) -> str:
        """Run a command that succeeds; returns what it prints."""
        ended = self.run(*arguments, **environment)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def refused(self, *arguments: str, status: int = 1) -> str:
        """Run a command that is refused; returns what it says."""
        ended = self.run(*arguments)
        assert (ended.returncode, ended.stdout) == (status, "")
        assert "Traceback" not in ended.stderr
        return ended.stderr

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that goes on."""
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "portevoix", *arguments],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def typed(self, answer: str, *arguments: str) -> tuple[int, str]:
        """Run a command on a terminal and type an answer; returns its status, and all that the terminal showed."""
        terminal, end = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "portevoix", *arguments],
            env={**os.environ, **self.environment, "TERM": "xterm"},
            stdin=end,
            stdout=end,
            stderr=end,
        )
        os.close(end)
        os.write(terminal, answer.encode())
        shown = b""
        try:
            while piece := os.read(terminal, 65_536):
                shown += piece
        except OSError:  # how Linux tells that nobody has the other end open any more
            pass
        os.close(terminal)
        return process.wait(PATIENCE_S), shown.decode()
