# SPDX-License-Identifier: MIT
"""A file on its way to the service, read in pieces while it is sent."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from portevoix.client import library
from portevoix.client.library import Recording
from portevoix.client.request import Form, Request

#: Told how many bytes of how many were sent.
Progress = Callable[[int, int], None]

#: The name is a field of the form, not this; what this is, no recording may be called.
_FILENAME = "-"


@contextmanager
def upload_of(
    file: str | os.PathLike[str] | bytes, name: str | None, progress: Progress | None
) -> Iterator[Request[Recording]]:
    """Open a file for as long as its upload takes.

    Raises:
        OSError: the file cannot be read.
        ValueError: bytes without a name.
    """
    called = Path(file).name if name is None and not isinstance(file, bytes) else name
    if called is None:
        raise ValueError("a recording that is given as bytes needs a name")
    with metered(file, progress) as source:
        yield library.upload(Form(source, _FILENAME, {"name": called.encode(errors="replace")}))


def metered(file: str | os.PathLike[str] | bytes, progress: Progress | None) -> BinaryIO:
    """Open a file that is about to be sent. Raises OSError."""
    return _Metered(_opened(file), progress)


def _opened(file: str | os.PathLike[str] | bytes) -> io.FileIO | io.BytesIO:
    if isinstance(file, bytes):
        return io.BytesIO(file)
    path = Path(file)
    opened = path.open("rb", buffering=0)
    if path.is_file():
        return opened
    with opened:  # a pipe does not tell its length, which the request begins with
        return io.BytesIO(opened.readall())


class _Metered(io.BufferedReader):
    """A file that is sent as long as it was when it was opened, and tells how far it is."""

    def __init__(self, source: io.FileIO | io.BytesIO, progress: Progress | None) -> None:
        super().__init__(source)
        self._length = self.seek(0, os.SEEK_END)
        self._given = 0
        self._progress = progress
        self.seek(0)

    def seek(self, target: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place; what was given of the file so far is what lies before it."""
        self._given = super().seek(target, whence)
        return self._given

    def read(self, size: int | None = -1, /) -> bytes:
        """Read a piece. What was read before it has been sent: the connection asks for a piece at a time."""
        if self._progress is not None:
            self._progress(self._given, self._length)
        left = self._length - self._given
        piece = super().read(left if size is None or size < 0 else min(size, left))
        if left and not piece:
            raise OSError("the file became shorter while it was sent")
        self._given += len(piece)
        return piece
