"""Structured logs: one JSON object a line, or text for a terminal; an API key never gets through."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import msgspec
import structlog

from portevoix.web.trace import Answered

#: How long lines of the access log gather before they are written together.
GATHER_S = 0.02

_SECRET = re.compile(r"pv_(live|test)_[0-9A-Za-z]+")


def set_up(level_name: str, form: str) -> None:
    """Send the logs of this process to standard error, those of libraries included.

    Args:
        level_name: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``json``, ``text``, or ``auto``: text on a terminal.
    """
    level = logging.getLevelNamesMapping()[level_name.upper()]
    render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if _is_text(form) else _json
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    finish: list[Any] = [structlog.processors.format_exc_info, render, redact]
    structlog.configure(
        processors=[*shared, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Unfailing(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(_Unfailing(sys.stderr))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


class _Unfailing(io.TextIOBase):
    """A file that stops nobody who writes there: on a full disk, or without a reader, lines are lost, not work."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        with suppress(OSError):  # there is nowhere to tell it
            return self._file.write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


class AccessLog:
    """Writes a line for each answered request, past the processors of other logs: there may be thousands a second.

    Args:
        form: as for ``set_up``.
    """

    def __init__(self, form: str) -> None:
        self._as_text = _is_text(form)
        self._file = sys.stderr.fileno()
        self._lines: list[bytes] = []

    def observe(self, request: Answered) -> None:
        """Write one line within a few milliseconds; nothing in it can hold an API key."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        address = str(request.address) if request.address else None
        duration_ms = round(request.duration_s * 1000, 2)
        if self._as_text:
            text = f"{at} {request.method} {request.route} {request.status} {duration_ms} ms {address}\n"
            line = text.encode()
        else:
            told = (request.method, request.route, request.status, duration_ms, address, request.account_id)
            line = _encode(_AccessLine(at, "info", "request", *told)) + b"\n"
        if not self._lines:
            asyncio.get_running_loop().call_later(GATHER_S, self.flush)
        self._lines.append(line)

    def flush(self) -> None:
        """Write what has gathered; a system call a request would cost as much as all else of the line."""
        lines, self._lines = b"".join(self._lines), []
        with suppress(OSError):  # as for other logs
            while lines:
                lines = lines[os.write(self._file, lines) :]


class _AccessLine(msgspec.Struct):
    timestamp: str
    level: str
    event: str
    method: str
    route: str
    status: int
    duration_ms: float
    address: str | None
    account: int | None


_encode = msgspec.json.Encoder().encode


def _is_text(form: str) -> bool:
    return form == "text" or (form == "auto" and sys.stderr.isatty())


def redact(_logger: object, _method: str, line: str) -> str:
    """Cut API keys out of a rendered line, wherever they came from."""
    return _SECRET.sub(r"pv_\1_…", line)


def _json(_logger: object, _method: str, event: dict[str, Any]) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()
