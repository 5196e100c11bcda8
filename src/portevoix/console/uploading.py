"""Recordings that come with a form, from a file or from the browser's microphone."""

from __future__ import annotations

from pathlib import PurePath

from portevoix.console.page import Visit
from portevoix.domain.account import Scope, admit
from portevoix.domain.audio import AudioName, AudioNameInvalid
from portevoix.domain.errors import InvalidValue
from portevoix.domain.recording import Recording
from portevoix.ports import House
from portevoix.service import library
from portevoix.web.forms import FRAME_BYTES


class FileMissing(InvalidValue):
    """No file was chosen."""

    code = "file_missing"


def most_bytes(house: House) -> int:
    """Tell how large a form with a recording may be: twice a file, so that one that is too large is told so."""
    return 2 * house.uploads.most_bytes + FRAME_BYTES


async def take_recording(visit: Visit, field: str, name: str) -> Recording:
    """Keep a file of a form in the library.

    Args:
        name: of the recording; blank for the file's, without its ending.

    Raises:
        FileMissing, AudioNameInvalid, AccountDisabled, AccountBlocked.
        AudioEmpty, AudioUnsupported, AudioTooLarge, AudioTooLong, AudioBroken, AudioUnavailable.
    """
    admit(visit.access, Scope.SEND, None)
    file = visit.file(field)
    if file is None:
        raise FileMissing("no file was chosen")
    chosen = AudioName.parse(name) if name.strip() else _name_of(file.filename or "")
    return await library.upload_recording(visit.house, visit.access, chosen, await file.read())


def _name_of(file_name: str) -> AudioName:
    """Name a recording after its file. Raises AudioNameInvalid."""
    stem = PurePath(file_name).stem[: AudioName.MAX_LENGTH]
    try:
        return AudioName.parse(stem)
    except AudioNameInvalid:
        return AudioName.parse(file_name[: AudioName.MAX_LENGTH])
