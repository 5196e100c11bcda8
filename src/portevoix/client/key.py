# SPDX-License-Identifier: MIT
"""The API key: where a request bears it, and how it is kept out of everything else."""

from __future__ import annotations

import logging
import re
import string
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import quote

#: What a header may hold as it is.
_VISIBLE = string.ascii_letters + string.digits + string.punctuation

#: What is shorter is no key, and may be any word of an answer.
_SECRET_LENGTH = 16


class KeyPlace(Enum):
    """Where a request bears the key."""

    #: The last segment of the path: what v1 documents for reading.
    PATH = auto()
    #: The segment of the path that says ``{apiKey}``: what v1 documents for cancelling.
    SEGMENT = auto()
    #: ``apiKey`` in the JSON: what v1 documents for writing.
    BODY = auto()
    #: A bearer token: v2.
    BEARER = auto()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An account's key, which its repr does not show.

    Args:
        text: as it is sent.
    """

    text: str = field(repr=False)

    @classmethod
    def of(cls, text: str) -> ApiKey:
        """Take a key as a person gives it; one that cannot be sent as it is becomes one that is refused."""
        return cls(text.strip().encode(errors="replace").decode())

    def segment(self) -> str:
        """Write it as a segment of a path."""
        return quote(self.text, safe="")

    def bearer(self) -> str:
        """Write it as the header ``Authorization``."""
        return f"Bearer {quote(self.text, safe=_VISIBLE)}"

    def cut_from(self, body: bytes) -> bytes:
        """Cut it out of what a service says: a refusal may repeat the URL, and a v1 URL holds the key."""
        return body.replace(self.text.encode(), "…".encode()) if len(self.text) >= _SECRET_LENGTH else body


class _KeyFilter(logging.Filter):
    """Cuts the API key out of what the HTTP library logs: of URLs, and of headers that repeat one."""

    _KEY = re.compile(r"(/v1/(?:me|audios|campaign/cancel)/)[^/?\s\"']+")

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._KEY.sub(r"\1…", record.getMessage()), ()
        return True


for _name in ("httpx2", *(f"httpcore2.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).addFilter(_KeyFilter())
