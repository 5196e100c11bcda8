"""A local HTTP server that answers as the hosted service does, on a good day or a bad one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

CREDIT = (
    '{"success":true,"credit":"19","currency":"€","details":{"tts":{"h":5,"m":55,"s":6},'
    '"tts_fixe":{"h":3,"m":44,"s":66},"voice":{"message":10}}}'
)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answer(self)

    do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    answer: Callable[[_Handler], None]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []


class Hosted:
    """The service, as a context manager; it answers what it was last told to."""

    def __init__(self) -> None:
        self._server = _Server()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._silent = threading.Event()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.answers(200, CREDIT)

    @property
    def asked(self) -> list[str]:
        """Return the paths that were asked for."""
        return self._server.asked

    def answers(self, status: int, body: str | bytes, **headers: str) -> None:
        """Answer so from now on; ``retry_after="3"`` adds a header."""
        content = body.encode() if isinstance(body, str) else body

        def answer(handler: _Handler) -> None:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)

        self._server.answer = answer

    def says_nothing(self) -> None:
        """Take requests from now on, and do not answer while this runs."""

        def answer(handler: _Handler) -> None:
            handler.close_connection = True
            self._silent.wait()

        self._server.answer = answer

    def hangs_up(self, sent: bytes) -> None:
        """Send so many bytes from now on, and end the connection."""

        def answer(handler: _Handler) -> None:
            handler.close_connection = True
            handler.wfile.write(sent)

        self._server.answer = answer

    def __enter__(self) -> Hosted:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._silent.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
