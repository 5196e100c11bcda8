"""A request to the API and its answer, as its caller's developers may see it: without what is secret, and cut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from portevoix.domain.errors import NotFound

KEPT = timedelta(days=7)

MOST_BODY_BYTES = 4_096
MOST_PATH_CHARACTERS = 1_000

CUT_OUT = "…"
"""What stands where a secret stood."""

#: A letter, digit or underscore that JSON writes as an escape: a key could hide behind them.
_ESCAPED = re.compile(r"\\u00(3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9Aa])")

_JSON_KEY = r"(\"api_?key\"\s*:\s*)(?:\"(?:[^\"\\]|\\.)*(?:\"|\\?\Z)|[^\s\",}\]]+)"

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(\bbearer\s+)[0-9A-Za-z._~+/=-]+", re.IGNORECASE), rf"\1{CUT_OUT}"),
    (re.compile(r"pv_(live|test)_[0-9A-Za-z]*"), rf"pv_\1_{CUT_OUT}"),
    (re.compile(r"whsec_[0-9A-Za-z+/=]*"), f"whsec_{CUT_OUT}"),
    (re.compile(_JSON_KEY, re.IGNORECASE | re.DOTALL), rf'\1"{CUT_OUT}"'),
    (re.compile(r"(<api_?key>)[^<]*", re.IGNORECASE), rf"\1{CUT_OUT}"),
    (re.compile(r"(\bapi_?key=)[^&\s\"]*", re.IGNORECASE), rf"\1{CUT_OUT}"),
)

_NO_TEXT = ("multipart/", "audio/", "image/")


class ExchangeNotFound(NotFound):
    """There is no such request, or not of this account, or not any more."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body, or its beginning.

    Args:
        text: without what is secret; ``None`` where it is no text, or was not kept.
        size: in bytes, of the whole; ``None`` where it came bit by bit.
    """

    text: str | None
    size: int | None

    @property
    def is_cut(self) -> bool:
        """Whether there was more of it."""
        return self.text is not None and (self.size is None or self.size > MOST_BODY_BYTES)

    @classmethod
    def read(cls, start: bytes, size: int | None, content_type: str) -> Body:
        """Read a body's beginning.

        Args:
            start: up to ``MOST_BODY_BYTES`` of it.
            content_type: what is said of it; what is no text is not kept.
        """
        if content_type.lower().startswith(_NO_TEXT):
            return cls(None, size)
        try:
            text = start.decode()
        except UnicodeDecodeError as fault:
            if size == len(start) or fault.start < len(start) - 3:  # a cut may fall into a letter
                return cls(None, size)
            text = start[: fault.start].decode()
        return cls(None if "\0" in text else redact(text), size)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer.

    Args:
        id: its place among all.
        path: with the query, without what is secret.
        skipped: how many of the account were not kept since the one before, in the process that kept this one.
    """

    id: int
    at: datetime
    method: str
    path: str
    status: int
    duration_us: int
    sent: Body
    told: Body
    skipped: int

    #: The most that are kept of an account, in each process: the rest are counted.
    MOST_A_SECOND: ClassVar[int] = 20
    MOST_A_DAY: ClassVar[int] = 10_000

    @property
    def duration_ms(self) -> str:
        """Write how long it took, in milliseconds."""
        return f"{self.duration_us // 1_000}.{self.duration_us // 100 % 10}"


@dataclass(frozen=True, slots=True)
class NewExchange:
    """A request and its answer that are about to be kept; as ``Exchange`` has them."""

    account_id: int
    at: datetime
    method: str
    path: str
    status: int
    duration_us: int
    sent: Body
    told: Body
    skipped: int


def redact(text: str) -> str:
    """Cut out what is secret: API keys wherever they stand, what is said to be one, signing secrets."""
    told = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    for pattern, instead in _SECRETS:
        told = pattern.sub(instead, told)
    return told


def write_path(path: str, query: Sequence[tuple[str, str]]) -> str:
    """Write where a request went to, without what is secret; what no database takes is replaced."""
    asked = "&".join(f"{name}={CUT_OUT if name.lower() == 'apikey' else value}" for name, value in query)
    whole = redact(f"{path}?{asked}" if asked else path)[:MOST_PATH_CHARACTERS]
    return whole.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
