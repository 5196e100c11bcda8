"""An account's library of recordings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from portevoix.domain.account import Access
from portevoix.domain.audio import AudioName, TelephoneAudio
from portevoix.domain.recording import Place, Recording, Use, parse_token, recording_token
from portevoix.ports import House

#: Does something with a recording in the transaction that keeps it: keeps an answer.
Alongside = Callable[[House, Recording], Awaitable[None]]


async def upload_recording(
    house: House, access: Access, name: AudioName, data: bytes, alongside: Alongside | None = None
) -> Recording:
    """Make a file fit for the telephone and keep it.

    Args:
        data: the file's bytes, of any format that is taken.
        alongside: done in the transaction that keeps it.

    Raises:
        AudioEmpty, AudioUnsupported, AudioTooLarge, AudioTooLong, AudioBroken, AudioUnavailable.
    """
    upload = await house.uploads.receive(data)
    async with house.unit_of_work() as together:
        kept = await together.recordings.keep(access.account_id, recording_token(house.entropy(16)), name, upload)
        if alongside is not None:
            await alongside(together, kept)
    return kept


async def list_recordings(
    house: House, access: Access, after: Place | None = None, most: int | None = None
) -> Sequence[Recording]:
    """Read the account's recordings, oldest first, from after a place on."""
    return await house.recordings.list(access.account_id, after, most)


async def newest_recordings(house: House, access: Access, before: Place | None, most: int) -> Sequence[Recording]:
    """Read the account's recordings, the newest first, from before a place on."""
    return await house.recordings.newest(access.account_id, before, most)


async def uses_of(house: House, access: Access, token: str, before: int | None, most: int) -> Sequence[Use]:
    """Read which messages play or have played one of the account's recordings, the newest first."""
    return await house.recordings.uses(access.account_id, parse_token(token), before, most)


async def find_recording(house: House, access: Access, token: str) -> Recording:
    """Read one of the account's recordings. Raises RecordingNotFound."""
    return await house.recordings.find(access.account_id, parse_token(token))


async def rename_recording(house: House, access: Access, token: str, name: AudioName) -> Recording:
    """Change the name of one of the account's recordings. Raises RecordingNotFound."""
    return await house.recordings.rename(access.account_id, parse_token(token), name)


async def delete_recording(house: House, access: Access, token: str) -> None:
    """Remove one of the account's recordings. Raises RecordingNotFound."""
    await house.recordings.delete(access.account_id, parse_token(token))


async def recording_audio(house: House, access: Access, token: str) -> TelephoneAudio:
    """Read what calls play of one of the account's recordings. Raises RecordingNotFound."""
    return await house.recordings.audio(access.account_id, parse_token(token))
