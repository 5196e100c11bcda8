"""From the form of a message to its draft, which is kept whatever is wrong with it: nothing that was typed is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from starlette.datastructures import UploadFile

from portevoix.console.orders import FIELDS, entries_typed, plays_recording
from portevoix.console.page import Visit
from portevoix.console.uploading import take_recording
from portevoix.domain.draft import Draft, DraftNotFound, Listed
from portevoix.domain.errors import DomainError, Unavailable
from portevoix.ports import House
from portevoix.service import drafts
from portevoix.web.forms import FRAME_BYTES
from portevoix.web.recipients import Recipients, entries_of

#: Numbers that were pasted are shown again up to so many characters; beyond that they are kept as a file's are.
MOST_SHOWN_CHARACTERS = 16 * 1_024

#: What a recipient may take in the form: its number as people write it, and what else a file's line has.
RECIPIENT_BYTES = 256


def most_bytes(house: House) -> int:
    """Tell how large the form of a message may be: a list of all recipients, and a recording."""
    return house.policy.most_recipients * RECIPIENT_BYTES + 2 * house.uploads.most_bytes + FRAME_BYTES


async def find_draft(visit: Visit, draft: str) -> Draft:
    """Read one of the person's drafts. Raises DraftNotFound."""
    return await drafts.find_draft(visit.house, visit.access, visit.person.id, draft)


async def keep_form(visit: Visit) -> tuple[Draft, dict[str, DomainError]]:
    """Keep what was typed, and what came along: recipients with the draft, a recording in the library.

    Returns:
        the draft, and what could not be kept, by field.
    """
    before = await _before(visit)
    wrong: dict[str, DomainError] = {}
    fields = {name: _typed(visit, name) for name in FIELDS}
    listed = None if visit.field("drop_list") else before.listed
    try:
        if (file := visit.file("list")) is not None:
            fields["numbers"], listed = "", await _from_file(visit.house, file)
        elif len(fields["numbers"]) > MOST_SHOWN_CHARACTERS:
            fields["numbers"], listed = "", await _list(visit.house, "", entries_typed(fields["numbers"]))
    except DomainError as error:
        wrong["numbers"] = error
    if plays_recording(fields) and visit.file("audio") is not None:
        try:
            fields["recording"] = (await take_recording(visit, "audio", "")).token
        except Unavailable:
            raise
        except DomainError as error:
            wrong["audio"] = error
    draft = replace(before, fields=fields, listed=listed)
    await drafts.keep_draft(visit.house, visit.access, visit.person.id, draft)
    return draft, wrong


async def _before(visit: Visit) -> Draft:
    """Find the draft that is being changed; begin another one where that was sent, or forgotten."""
    try:
        found = await find_draft(visit, visit.field("draft"))
    except DraftNotFound:
        return drafts.new_draft(visit.house)
    return drafts.new_draft(visit.house) if found.campaign else found


def _typed(visit: Visit, name: str) -> str:
    """Read a field with line ends of one character, where browsers send two."""
    return visit.field(name).replace("\r\n", "\n")


async def _from_file(house: House, file: UploadFile) -> Listed:
    return await _list(house, (file.filename or "").replace("\0", "")[:100], entries_of(file.file))


async def _list(house: House, name: str, entries: Iterator[tuple[str, int]]) -> Listed:
    recipients = Recipients(house.policy.most_recipients)
    await recipients.take(entries)
    return Listed(name, recipients.entries(), recipients.duplicates, len(recipients.refused))
