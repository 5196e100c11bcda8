"""Where SIP messages come in: what cannot be understood is dropped or refused before anything is done about it.

Past this door, every header that a call looks at can be read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeAlias

Message: TypeAlias = Any
"""sippy's, a request or a response."""

MOST_BYTES = 8_191
"""sippy reads so many and one more: what is longer has lost its end."""
MOST_LINES = 256
MOST_PARTS = 256
"""Commas and semicolons: sippy cuts lists in a time that grows by the square of them, while everybody else waits."""
MOST_NUMBER = 2**31 - 1
"""Of a CSeq (RFC 3261, 8.1.1.5)."""
MOST_EXPIRES_S = 2**32 - 1
ACCEPTED = "application/sdp"
SUPPORTED = ("timer", "100rel")
"""Option tags of RFC 4028 and RFC 3262."""

_STATUS = re.compile(rb"SIP/2\.0 [1-6]\d\d(?:[ \r\n])")
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards")
_OPTIONAL = ("contact", "record-route", "www-authenticate", "proxy-authenticate", "expires")


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a request is refused at the door."""

    code: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()


def is_readable(data: bytes) -> bool:
    """Tell whether a datagram may be a SIP message: its size, its status line, its one length."""
    if len(data) > MOST_BYTES:
        return False
    if data.startswith(b"SIP/") and not _STATUS.match(data):
        return False
    head, _, _ = data.partition(b"\r\n\r\n")
    lengths = set(_LENGTH.findall(head))
    if head.count(b"\n") > MOST_LINES or max(head.count(b","), head.count(b";")) > MOST_PARTS:
        return False
    return len(lengths) <= 1 and all(one.isdigit() for one in lengths)


def text_of(data: bytes) -> str:
    """Decode a message: its headers as UTF-8 (7), its body a character a byte, for its length is told in bytes.

    sippy decodes all of it as UTF-8: bodies of binary parts were dropped, and accents in a description cut its end off.
    """
    head, gap, body = data.partition(b"\r\n\r\n")
    return head.decode("utf-8", "replace") + gap.decode() + body.decode("latin-1")


def refusal(request: Message) -> Refusal | None:
    """Tell why a request is refused; ``None`` where it is not (RFC 3261, 8.2 and 16.3)."""
    if str(request.sipver).upper() != "SIP/2.0":
        return Refusal(505, "Version Not Supported")
    twice = next((name for name in _SINGLE if request.countHFs(name) > 1), None)
    if twice is not None:
        return Refusal(400, f"Two Of {twice.title()}")
    try:
        _read(request)
    except Exception:  # noqa: BLE001 - sippy's parsers raise whatever comes
        return Refusal(400, "Bad Request")
    wanted = [] if request.getMethod() in ("ACK", "CANCEL") else options(request, "require")
    unknown = [one for one in wanted if one not in SUPPORTED]
    if unknown:
        return Refusal(420, "Bad Extension", (("Unsupported", ", ".join(unknown)),))
    return None


def _read(request: Message) -> None:
    """Read what every request bears, and what some do. Raises anything."""
    number, method = request.getHFBody("cseq").getCSeq()
    if not 0 <= number <= MOST_NUMBER or method != request.getMethod():
        raise ValueError("the CSeq is none of this request")
    request.getHFBody("from").getTag()
    request.getHFBody("to").getTag()
    for hops in request.getHFBodys("max-forwards"):
        if not 0 <= hops.getNum() <= 255:
            raise ValueError("too many hops")
    request.getHFBodys("contact")
    for expires in request.getHFBodys("expires"):
        if not 0 <= expires.getNum() <= MOST_EXPIRES_S:
            raise ValueError("never expires")


def is_sound(response: Message) -> bool:
    """Tell whether a response can be taken; headers of it that cannot be read, and can be done without, are left out.

    A Contact that cannot be read counts as none: the answer it came with must be acknowledged all the same.
    """
    try:
        response.getHFBody("to").getTag()
    except Exception:  # noqa: BLE001 - sippy's parsers raise whatever comes
        return False
    for name in _OPTIONAL:
        for header in response.getHFs(name):
            try:
                header.getBody()
            except Exception:  # noqa: BLE001 - the same
                response.removeHeader(header)
    return bool(response.countHFs("via") == 1)  # (8.1.3.3)


def options(message: Message, name: str) -> list[str]:
    """List the option tags of a header: ``require``, ``supported``."""
    told = ",".join(str(one.body) for one in message.getHFs(name))
    return [one.strip().lower() for one in told.split(",") if one.strip()]
