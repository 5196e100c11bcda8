"""A witness beside the database: what simulated phones were called for, written down before they ring."""

from __future__ import annotations

import os
from pathlib import Path

from portevoix.domain.dialling import Dial
from portevoix.ports import Clock


class Witness:
    """Appends a line to a file before each call: the moment, the node, the call's number, the attempt's, the phone's.

    Processes may share the file: a line is written at once, and none goes under another.

    Args:
        path: of the file; made where there is none.
        node: what the process is called.
        clock: tells the moment.
    """

    def __init__(self, path: Path, node: str, clock: Clock) -> None:
        self._path = path
        self._node = node
        self._clock = clock

    def testify(self, dial: Dial) -> None:
        """Write down that a phone is called now. Raises OSError: what nobody can testify to is not to be done."""
        moment = self._clock.now().isoformat()
        line = f"{moment} {self._node} {dial.call_id} {dial.attempt} {dial.number.digits}\n".encode()
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
