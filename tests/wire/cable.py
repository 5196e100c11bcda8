"""A connection to the database that can be cut."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

SOCKET = ".s.PGSQL.5432"


class Cable:
    """A connection to the database that can be cut: a relay between two sockets.

    ``may_talk`` is set; while it is not, new connections are made, and nothing comes through them.
    """

    def __init__(self, url: str, folder: Path) -> None:
        (there,) = parse_qs(urlsplit(url).query)["host"]
        self._there = Path(there) / SOCKET
        self._here = folder / SOCKET
        self.url = url.replace(quote(there, safe=""), quote(str(folder), safe=""))
        self.used = asyncio.Event()
        self.may_talk = asyncio.Event()
        self.may_talk.set()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def plug(self) -> None:
        """Connect."""
        self._server = await asyncio.start_unix_server(self._relay, self._here)

    async def cut(self) -> None:
        """Break every connection, and let none be made."""
        self.used.clear()
        assert self._server is not None
        self._server.close()
        self._here.unlink(missing_ok=True)
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._there)
        self._open |= {writer, far_writer}
        self.used.set()
        await self.may_talk.wait()
        await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # it was cut
        finally:
            self._open.discard(writer)
            writer.close()
