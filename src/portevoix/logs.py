"""Structured logs: one JSON object a line, or text for a terminal; an API key never gets through."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import msgspec
import structlog

_SECRET = re.compile(r"pv_(live|test)_[0-9A-Za-z]+")


def set_up(level_name: str, form: str) -> None:
    """Send the logs of this process to standard error, those of libraries included.

    Args:
        level_name: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``json``, ``text``, or ``auto``: text on a terminal.
    """
    level = logging.getLevelNamesMapping()[level_name.upper()]
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if as_text else _json
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    finish: list[Any] = [structlog.processors.format_exc_info, render, redact]
    structlog.configure(
        processors=[*shared, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def redact(_logger: object, _method: str, line: str) -> str:
    """Cut API keys out of a rendered line, wherever they came from."""
    return _SECRET.sub(r"pv_\1_…", line)


def _json(_logger: object, _method: str, event: dict[str, Any]) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()
