"""Messages as files that Asterisk plays: raw A-law, so that nothing is turned into anything else on the way."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path, PurePosixPath

from portevoix.domain.audio import TelephoneAudio

FORGOTTEN_S = 24 * 3_600
"""What nobody has taken away for so long is of a process that is gone."""


class Sounds:
    """The folder of sounds, which several nodes may share.

    Args:
        here: the folder.
        there: what Asterisk calls it.
    """

    def __init__(self, here: Path, there: PurePosixPath) -> None:
        self._here = here
        self._there = there
        self._own = secrets.token_hex(6)
        self._calls: Counter[str] = Counter()

    def sweep(self) -> None:
        """Take away what processes have left that are gone."""
        for path in self._here.glob("*.alaw*"):
            with suppress(OSError):  # another node was faster; or it is not ours to take
                if time.time() - path.stat().st_mtime > FORGOTTEN_S:
                    path.unlink()

    def lay(self, audio: TelephoneAudio) -> str:
        """Lay a message for a call; returns what Asterisk is to play. Raises OSError."""
        name = f"{audio.sha256}-{self._own}"
        if not self._calls[name]:
            self._here.mkdir(parents=True, exist_ok=True)
            part = self._here / f"{name}.alaw.part"
            part.write_bytes(audio.alaw)
            part.rename(self._here / f"{name}.alaw")
        self._calls[name] += 1
        return f"sound:{self._there / name}"

    def forget(self, audio: TelephoneAudio) -> None:
        """A call is over; the last one takes the message away."""
        name = f"{audio.sha256}-{self._own}"
        self._calls[name] -= 1
        if not self._calls[name]:
            del self._calls[name]
            (self._here / f"{name}.alaw").unlink(missing_ok=True)
