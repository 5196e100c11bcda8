"""A receiver of webhooks: it keeps what came in, and misbehaves when told to.

``async with Receiver() as receiver`` listens on a port of this machine; webhooks go to ``receiver.url("/hook")``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

_CERTIFICATES = Path(__file__).parent / "certificates"
_DRIP_S = 0.02


@dataclass(frozen=True)
class Received:
    """A request as it came in.

    Args:
        path: without the query.
        query: all that follows the question mark.
        headers: by their names in lower case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """How to answer one request.

    Args:
        raw: written as it is, instead of all else; then the connection is closed.
        hangs: not before ``release`` is set.
        drips: instead of the body, this, again and again with pauses, for as long as the other side stays.
        floods: instead of the body, zeros for as long as the other side stays.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    raw: bytes | None = None
    hangs: bool = False
    drips: bytes = b""
    floods: bool = False

    def head(self) -> bytes:
        """Write the status line and the headers."""
        is_endless = self.drips or self.floods
        framing = {"Transfer-Encoding": "chunked"} if is_endless else {"Content-Length": str(len(self.body))}
        lines = [f"{name}: {value}" for name, value in {**framing, **self.headers}.items()]
        return "\r\n".join((f"HTTP/1.1 {self.status} Told", *lines, "", "")).encode("latin-1")


def redirect(location: str, status: int = 302) -> Answer:
    """Answer with a redirect."""
    return Answer(status, {"Location": location})


def serving_tls() -> ssl.SSLContext:
    """For a server of ``hooks.example.test``, ``mail.example.test``, ``localhost`` and ``127.0.0.1``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_CERTIFICATES / "server.pem")
    return context


def trusting_tls() -> ssl.SSLContext:
    """For a client that trusts the authority of the tests, and no other."""
    return ssl.create_default_context(cafile=_CERTIFICATES / "authority.pem")


@asynccontextmanager
async def listening(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Listen on a port of this machine, and say to each who comes what ``talk`` says; gives the port."""
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            return  # the other side is gone, or the test is over
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Receiver:
    """Answers with ``answers``, one after the other, and then with ``default``.

    Args:
        tls: what it serves with; ``None`` for plain HTTP.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.default = Answer()
        self.answers: deque[Answer] = deque()
        self.release = asyncio.Event()
        self.received: list[Received] = []
        self.connections = 0
        self.left = asyncio.Event()
        self.port = 0
        self.host = host
        self.under_way = 0
        self.most_under_way = 0
        self._tls = tls
        self._came = asyncio.Condition()
        self._writers: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release.set()
        self._server.close()
        served = dict(self._writers)
        for writer in served.values():
            writer.transport.abort()
        await asyncio.gather(*(task for task in served if task), return_exceptions=True)
        await self._server.wait_closed()

    def url(self, path: str = "/", host: str | None = None) -> str:
        """Name a path of it, under another host where one is given."""
        return f"http{'s' if self._tls else ''}://{host or self.host}:{self.port}{path}"

    def answer(self, *statuses: int) -> None:
        """Answer the next requests with these status codes."""
        self.answers.extend(Answer(status) for status in statuses)

    async def wait_for(self, count: int) -> list[Received]:
        """Wait until so many requests have come in; returns them all."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers[asyncio.current_task()] = writer
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            writer.close()
            del self._writers[asyncio.current_task()]

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Take one request and answer it; returns whether the connection stays."""
        await self._take(reader)
        answer = self.answers.popleft() if self.answers else self.default
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if answer.hangs:
                await self.release.wait()
            writer.write(answer.head() if answer.raw is None else answer.raw)
            await writer.drain()
            while answer.floods or answer.drips:
                writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n" if answer.floods else answer.drips)
                await writer.drain()
                if answer.drips:
                    await asyncio.sleep(_DRIP_S)
            if answer.raw is not None:
                return False
            writer.write(answer.body)
            await writer.drain()
            return answer.headers.get("Connection") != "close"
        finally:
            self.under_way -= 1

    async def _take(self, reader: asyncio.StreamReader) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        path, _, query = target.partition("?")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        async with self._came:
            self.received.append(Received(method, path, query, headers, body))
            self._came.notify_all()
