"""What the witness wrote: which phones were called, by whom and when, whatever the database says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Rung:
    """A phone that was called."""

    moment: datetime
    node: str
    call: int
    attempt: int
    number: str

    @property
    def key(self) -> tuple[int, int]:
        """The call and the attempt."""
        return self.call, self.attempt


class Testimony:
    """The witness's file, read as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.all: list[Rung] = []
        self._read = 0

    def hear(self) -> list[Rung]:
        """Read what was added; returns all there is."""
        if not self.path.exists():
            return self.all
        with self.path.open("rb") as file:
            file.seek(self._read)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        self._read += len(whole)
        self.all += [_read(line) for line in whole.decode("ascii").splitlines()]
        return self.all


def _read(line: str) -> Rung:
    moment, node, call, attempt, number = line.split(" ")
    return Rung(datetime.fromisoformat(moment), node, int(call), int(attempt), number)
