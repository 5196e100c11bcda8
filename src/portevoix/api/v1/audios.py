"""GET /v1/audios and POST /v1/audio-file/rename: the library of recordings."""

from __future__ import annotations

from portevoix.api.v1 import wire
from portevoix.api.v1.operation import Call, Operation
from portevoix.api.v1.refusals import TokenMissing
from portevoix.domain.account import Scope
from portevoix.domain.audio import AudioName, AudioNameInvalid
from portevoix.domain.recording import RecordingNotFound
from portevoix.service.library import list_recordings, rename_recording


async def _list(call: Call[None]) -> wire.Audios:
    return wire.audios(await list_recordings(call.house, call.access))


async def _rename(call: Call[wire.RenameRequest]) -> wire.Renamed:
    if not call.body.token_audio:
        raise TokenMissing("tokenAudio is required")
    name = AudioName.parse(call.body.filename or "")
    renamed = await rename_recording(call.house, call.access, call.body.token_audio, name)
    return wire.Renamed(True, str(renamed.name), renamed.token)


AUDIOS = Operation(
    name="audios",
    method="GET",
    paths=("/v1/audios/{apiKey}", "/v1/audios"),
    summary="The recordings",
    description=(
        "The account's recordings, oldest first. `size` is that of the telephone-ready 16-bit WAV, in units of "
        "1,024 bytes; `duration` is in minutes and seconds, rounded; `created_at` is Paris time."
    ),
    limit="audios",
    scope=Scope.READ,
    answer=wire.Audios,
    run=_list,
)

RENAME = Operation(
    name="rename",
    method="POST",
    paths=("/v1/audio-file/rename",),
    summary="Rename a recording",
    description="Gives one of the account's recordings another name, of 3 to 50 characters.",
    limit="rename",
    scope=Scope.SEND,
    answer=wire.Renamed,
    run=_rename,
    body=wire.RenameRequest,
    refusals=(TokenMissing, RecordingNotFound, AudioNameInvalid),
)
