"""/v2/audio: the library of recordings."""

from __future__ import annotations

from starlette.datastructures import UploadFile

from portevoix.api.v2.operation import Call, Form, Media, Operation, parse_json
from portevoix.api.v2.wire import audio as wire
from portevoix.api.v2.wire.common import Page
from portevoix.domain.account import Scope
from portevoix.domain.audio import (
    AudioBroken,
    AudioEmpty,
    AudioName,
    AudioTooLarge,
    AudioTooLong,
    AudioUnavailable,
    AudioUnsupported,
    TelephoneAudio,
)
from portevoix.domain.errors import InvalidValue
from portevoix.domain.recording import Place, Recording, RecordingInUse, RecordingNotFound
from portevoix.ports import House
from portevoix.service import library
from portevoix.web.answer import Answer
from portevoix.web.body import FILE_TIMEOUT_S, BodyTooLarge, read_body
from portevoix.web.forms import FRAME_BYTES, is_form, read_form
from portevoix.web.ranges import RangeOutside, ranged

WAV = b"audio/wav"
MEDIA_WAV = Media("audio/wav")
RANGED_WAV = Media("audio/wav", is_ranged=True)


def write_wav(house: House, audio: TelephoneAudio, encoding: str) -> bytes:
    """Write audio as a WAV file, in one of the two encodings."""
    return house.waves.alaw(audio) if encoding == "alaw" else house.waves.linear(audio)


async def _upload(call: Call[None, None]) -> wire.Audio | Answer:
    name, data = await _file(call)
    before = await call.replay.begin(call.house, str(name).encode(), data)
    if before is not None:
        return before

    async def keep(together: House, kept: Recording) -> None:
        await call.replay.keep(together, call.success(201, wire.audio(kept)))

    return wire.audio(await library.upload_recording(call.house, call.access, name, data, keep))


async def _file(call: Call[None, None]) -> tuple[AudioName, bytes]:
    """Read a file and its name out of a form, or out of JSON."""
    most_bytes = call.house.uploads.most_bytes
    too_large = AudioTooLarge(f"the file is larger than {most_bytes} bytes")
    if is_form(call.scope):
        async with read_form(call.scope, call.receive, most_bytes + FRAME_BYTES, too_large) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise InvalidValue("the form has no file in the field 'file'")
            name = str(form.get("name") or (file.filename or "")[: AudioName.MAX_LENGTH])
            return AudioName.parse(name), await file.read()
    try:
        raw = await read_body(call.receive, most_bytes * 4 // 3 + FRAME_BYTES, FILE_TIMEOUT_S)
    except BodyTooLarge:
        raise too_large from None
    sent = parse_json(raw, wire.NewAudio)
    return AudioName.parse(sent.name), sent.content


async def _list(call: Call[Page, None]) -> wire.AudioPage:
    after = Place.parse(call.query.after) if call.query.after else None
    found = await library.list_recordings(call.house, call.access, after, call.query.limit + 1)
    page = found[: call.query.limit]
    return wire.AudioPage([wire.audio(item) for item in page], str(page[-1].place) if len(found) > len(page) else None)


async def _show(call: Call[None, None]) -> wire.Audio:
    return wire.audio(await library.find_recording(call.house, call.access, call.path["token"]))


async def _rename(call: Call[None, wire.NewName]) -> wire.Audio:
    name = AudioName.parse(call.body.name)
    return wire.audio(await library.rename_recording(call.house, call.access, call.path["token"], name))


async def _delete(call: Call[None, None]) -> None:
    await library.delete_recording(call.house, call.access, call.path["token"])


async def _content(call: Call[wire.ContentQuery, None]) -> Answer:
    audio = await library.recording_audio(call.house, call.access, call.path["token"])
    body = write_wav(call.house, audio, call.query.encoding)
    return ranged(body, WAV, f"{audio.sha256}-{call.query.encoding}", call.scope)


AUDIO_OPERATIONS = (
    Operation(
        name="upload_audio",
        method="POST",
        path="/v2/audio",
        summary="Upload a recording",
        description=(
            "Takes WAV, MP3, OGG (Opus, Vorbis), FLAC, M4A, WebM or AMR, known by its content, as a form (`file`, and "
            "`name` if it is not to be the file's) or as JSON with the file in base64. Answers with what was made of "
            "it for the telephone: the exact duration, what was trimmed, by how much it was made louder."
        ),
        scope=Scope.SEND,
        answer=wire.Audio,
        run=_upload,
        status=201,
        body=wire.NewAudio,
        upload=Form("application/octet-stream", "name"),
        refusals=(AudioEmpty, AudioUnsupported, AudioTooLarge, AudioTooLong, AudioBroken, AudioUnavailable),
    ),
    Operation(
        name="list_audio",
        method="GET",
        path="/v2/audio",
        summary="List the recordings",
        description="The account's recordings, oldest first, a page at a time.",
        scope=Scope.READ,
        answer=wire.AudioPage,
        run=_list,
        query=Page,
    ),
    Operation(
        name="show_audio",
        method="GET",
        path="/v2/audio/{token}",
        summary="Show a recording",
        description="One of the account's recordings.",
        scope=Scope.READ,
        answer=wire.Audio,
        run=_show,
        refusals=(RecordingNotFound,),
    ),
    Operation(
        name="rename_audio",
        method="PATCH",
        path="/v2/audio/{token}",
        summary="Rename a recording",
        description="Gives a recording another name, of 3 to 50 characters.",
        scope=Scope.SEND,
        answer=wire.Audio,
        run=_rename,
        body=wire.NewName,
        refusals=(RecordingNotFound,),
    ),
    Operation(
        name="delete_audio",
        method="DELETE",
        path="/v2/audio/{token}",
        summary="Delete a recording",
        description="Removes a recording from the library, unless a message that has not ended plays it.",
        scope=Scope.SEND,
        answer=None,
        run=_delete,
        status=204,
        refusals=(RecordingNotFound, RecordingInUse),
    ),
    Operation(
        name="audio_content",
        method="GET",
        path="/v2/audio/{token}/content",
        summary="Listen to a recording",
        description="The recording as a WAV file, as the phone plays it. Byte ranges are served.",
        scope=Scope.READ,
        answer=RANGED_WAV,
        run=_content,
        query=wire.ContentQuery,
        refusals=(RecordingNotFound, RangeOutside),
    ),
)
