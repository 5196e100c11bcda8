"""What came with a form of the console: fields and files, each within its bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

from starlette.datastructures import FormData
from starlette.types import Receive, Scope

from portevoix.console.page import Page
from portevoix.domain.errors import InvalidValue
from portevoix.ports import House
from portevoix.web.body import BodyTooLarge, read_body
from portevoix.web.forms import is_form, read_form

MOST_FIELDS = 40

#: Of a form without files: it is read in one go, while nothing else is done. Browsers send ours that may have more in
#: parts (multipart/form-data), which is read piece by piece.
MOST_PLAIN_BYTES = 256 * 1_024

#: What one field may have.
MOST_CHARACTERS = 32 * 1_024

#: Fields that may fill the form: telephone numbers that were pasted.
LISTS = frozenset({"numbers"})


@asynccontextmanager
async def read_typed(scope: Scope, receive: Receive, page: Page, house: House) -> AsyncIterator[FormData]:
    """Read a form, of either kind; its files are dropped afterwards. Raises BodyTooLarge, BodyTooSlow, InvalidValue."""
    most_bytes = page.takes_bytes(house)
    if scope["method"] != "POST":
        yield FormData()
    elif is_form(scope):
        too_large = BodyTooLarge(f"a form of more than {most_bytes:,} bytes")
        bounds = page.most_files, MOST_FIELDS, most_bytes
        async with read_form(scope, receive, most_bytes, too_large, *bounds) as form:
            yield _bounded(form)
    else:
        body = await read_body(receive, min(most_bytes, MOST_PLAIN_BYTES))
        try:
            fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            raise InvalidValue("the form has too many fields, or is not in UTF-8") from None
        yield _bounded(FormData([*fields]))


def _bounded(form: FormData) -> FormData:
    for name, value in form.multi_items():
        if isinstance(value, str) and name not in LISTS and len(value) > MOST_CHARACTERS:
            raise BodyTooLarge(f"a field of more than {MOST_CHARACTERS:,} characters")
    return form
