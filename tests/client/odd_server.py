"""A server that answers what it is told to, and keeps what it was asked; and a small file to send."""

from __future__ import annotations

import array
import io
import math
import threading
import wave
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

PIECE_BYTES = 64 * 1_024


def tone_wav(seconds: float = 1.0, rate_hz: int = 8_000) -> bytes:
    """A WAV of a tone, mono, 16-bit."""
    samples = array.array("h", (round(8_000 * math.sin(i * 0.5)) for i in range(round(seconds * rate_hz))))
    target = io.BytesIO()
    with wave.open(target, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(samples.tobytes())
    return target.getvalue()


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class OddServer:
    """Listens on a port of this machine.

    Args:
        status: of its answers.
        body: of its answers.
        headers: of its answers, beside the length.
        hangs_up: after so many bytes of a request's body, without an answer.
        first: answers before these, each a status and a body; a status of 0 hangs up instead.
        keeps: the bodies that it is sent; else it reads them and lets them go.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs_up: int | None = None
    first: list[tuple[int, bytes]] = field(default_factory=list)
    keeps: bool = True
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> OddServer:
        told = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                with suppress(ConnectionError):  # a client may go away before it is answered
                    self.answer_whoever_stays()

            def answer_whoever_stays(self) -> None:
                length = int(self.headers.get("content-length", 0))
                if told.hangs_up is not None:
                    self.rfile.read(told.hangs_up)
                    self.close_connection = True
                    return
                body = self.rfile.read(length if told.keeps else 0)
                for piece in range(0, 0 if told.keeps else length, PIECE_BYTES):
                    self.rfile.read(min(PIECE_BYTES, length - piece))
                told.asked.append(Asked(self.command, self.path, dict(self.headers.items()), body))
                status, answer = told.first.pop(0) if told.first else (told.status, told.body)
                if not status:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
