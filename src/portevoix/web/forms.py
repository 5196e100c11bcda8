"""Bodies that are forms with files, read within a limit; what is large is on disk meanwhile."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from portevoix.domain.errors import DomainError, InvalidValue
from portevoix.web.body import FILE_TIMEOUT_S, BodyTooSlow

#: What a form's or a JSON object's own marks may take beside the file.
FRAME_BYTES = 64 * 1_024

MOST_FIELDS = 4

#: What one field that is no file may have; it is held in memory.
MOST_FIELD_BYTES = 1_024 * 1_024

#: A content type that names our charset, once.
_UTF8 = re.compile(r"""(?:(?!charset).)*;\s*charset=("?)utf-?8\1\s*(?:;(?:(?!charset).)*)?""", re.ASCII)


def is_form(scope: Scope) -> bool:
    """Tell whether a request's body is a form that may have files."""
    content_type: bytes = dict(scope["headers"]).get(b"content-type", b"")
    return content_type.lower().startswith(b"multipart/form-data")


@asynccontextmanager
async def read_form(
    scope: Scope,
    receive: Receive,
    most_bytes: int,
    too_large: DomainError,
    most_files: int = 1,
    most_fields: int = MOST_FIELDS,
    most_field_bytes: int = MOST_FIELD_BYTES,
) -> AsyncIterator[FormData]:
    """Read a form, and drop its files afterwards.

    Args:
        most_bytes: of the whole form.
        too_large: raised where it has more.
        most_files, most_fields: that it may have.
        most_field_bytes: of one field that is no file.

    Raises:
        BodyTooSlow: it did not come in time.
        InvalidValue: it is no form, is not in UTF-8, or has too many fields or files.
    """
    request = Request(scope, _bounded(receive, most_bytes, too_large))
    form = await _parse(request, most_files, most_fields, most_field_bytes)
    try:
        yield form
    finally:
        await form.close()


def only_field(form: FormData, name: str) -> UploadFile | str | None:
    """Find a field that a form may have once. Raises InvalidValue: of two, one would be lost."""
    fields = form.getlist(name)
    if len(fields) > 1:
        raise InvalidValue(f"the form has more than one field '{name}'")
    return fields[0] if fields else None


def _is_in_utf8(content_type: str) -> bool:
    """Tell whether a form names no charset but ours: another codec of the sender's choice may take minutes (punycode).

    The type has no such parameter (RFC 7578, 4.8), yet Java's clients send it.
    """
    return "charset" not in content_type or bool(_UTF8.fullmatch(content_type))


async def _parse(request: Request, most_files: int, most_fields: int, most_field_bytes: int) -> FormData:
    if not _is_in_utf8(request.headers.get("content-type", "").lower()):
        raise InvalidValue("form: its fields are not in UTF-8")
    try:
        async with asyncio.timeout(FILE_TIMEOUT_S):
            return await _Parser(request, most_files, most_fields, most_field_bytes).parse()
    except TimeoutError:
        raise BodyTooSlow("the form does not come to its end") from None
    except MultiPartException as problem:
        raise InvalidValue(f"form: {problem.message}") from None


class _Parser(MultiPartParser):
    """Reads a form to its last mark: Starlette's takes one that is cut off for whole, without what was cut."""

    def __init__(self, request: Request, most_files: int, most_fields: int, most_field_bytes: int) -> None:
        stream = self._to_its_end(request.stream())
        bounds = {"max_files": most_files, "max_fields": most_fields, "max_part_size": most_field_bytes}
        super().__init__(request.headers, stream, **bounds)
        self._has_ended = False

    def on_end(self) -> None:
        """Note that the last mark has come."""
        self._has_ended = True

    async def _to_its_end(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for piece in stream:
            yield piece
        if not self._has_ended:
            raise MultiPartException("it is cut off")


def _bounded(receive: Receive, most_bytes: int, too_large: DomainError) -> Receive:
    """Count a body while it is read, and stop reading one that is too large."""
    length = 0

    async def counting() -> Message:
        nonlocal length
        message = await receive()
        length += len(message.get("body", b""))
        if length > most_bytes:
            raise too_large
        return message

    return counting
