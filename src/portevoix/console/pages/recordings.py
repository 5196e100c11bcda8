"""The library of recordings: upload, hear, see, rename, delete, and what played them."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from portevoix.console import rendering, words
from portevoix.console.page import Needs, Page, Shown, Visit
from portevoix.console.uploading import FileMissing, most_bytes, take_recording
from portevoix.console.waveform import COLUMNS, SMALL_COLUMNS, small_waveform, waveform
from portevoix.domain.audio import AudioName, AudioNameInvalid, AudioRefused, AudioUnavailable
from portevoix.domain.errors import AccessRefused
from portevoix.domain.notice import parse_place
from portevoix.domain.recording import Place, Recording, RecordingInUse
from portevoix.service import library
from portevoix.web.answer import Answer
from portevoix.web.ranges import ranged

PLACE = "/{account}/{mode}/recordings"
ONE = f"{PLACE}/{{recording}}"

A_PAGE = 20
WAV = b"audio/wav"

#: What a token names never changes but for its name: the picture may stay where it was shown.
KEPT = b"private, max-age=86400"


async def _list(visit: Visit) -> Answer:
    return visit.show("recordings.html", await _page(visit))


async def _page(visit: Visit) -> Shown:
    asked = visit.query.get("before")
    before = Place.parse(asked) if asked else None
    found = await library.newest_recordings(visit.house, visit.access, before, A_PAGE + 1)
    page = found[:A_PAGE]
    return {
        "recordings": page,
        "older": str(page[-1].place) if len(found) > A_PAGE else None,
        "is_first": before is None,
        "limits": visit.house.uploads,
        "name": visit.field("name"),
        "faults": {},
    }


async def _upload(visit: Visit) -> Answer:
    try:
        kept = await take_recording(visit, "file", visit.field("name"))
    except (AudioRefused, AudioUnavailable, AccessRefused, FileMissing, AudioNameInvalid) as error:
        field = "name" if isinstance(error, AudioNameInvalid) else "file"
        faults = {field: words.refusal(visit.texts, error)}
        return visit.show("recordings.html", {**await _page(visit), "faults": faults}, 422)
    return visit.go(f"{visit.account.path}/recordings/{kept.token}", "uploaded")


async def _show(visit: Visit) -> Answer:
    return visit.show("recording.html", await _one(visit))


async def _one(visit: Visit) -> dict[str, object]:
    recording = await _find(visit)
    audio = await library.recording_audio(visit.house, visit.access, recording.token)
    before = parse_place(visit.query.get("before", ""))
    uses = await library.uses_of(visit.house, visit.access, recording.token, before, A_PAGE + 1)
    drawn = waveform(visit.texts.say("How loud it is, from its beginning to its end"), audio.envelope(COLUMNS))
    return {
        "recording": recording,
        "wave": Markup(drawn.as_str()),  # noqa: S704 - waveform.py escapes texts
        "uses": uses[:A_PAGE],
        "is_first": before is None,
        "older": uses[A_PAGE - 1].place if len(uses) > A_PAGE else None,
        "name": str(recording.name),
        "faults": {},
    }


async def _rename(visit: Visit) -> Answer:
    recording, name = await _find(visit), visit.field("name")
    try:
        await library.rename_recording(visit.house, visit.access, recording.token, AudioName.parse(name))
    except AudioNameInvalid as error:
        shown = {**await _one(visit), "name": name, "faults": {"name": words.refusal(visit.texts, error)}}
        return visit.show("recording.html", shown, 422)
    return visit.go(f"{visit.account.path}/recordings/{recording.token}", "saved")


async def _delete(visit: Visit) -> Answer:
    recording = await _find(visit)
    try:
        await library.delete_recording(visit.house, visit.access, recording.token)
    except RecordingInUse as error:
        return visit.refuse("recording.html", error, await _one(visit))
    return visit.go(f"{visit.account.path}/recordings", "recording-deleted")


async def _sound(visit: Visit) -> Answer:
    audio = await library.recording_audio(visit.house, visit.access, visit.path["recording"])
    answer = ranged(visit.house.waves.linear(audio), WAV, audio.sha256, visit.scope)
    return replace(answer, headers=(*answer.headers, *visit.headers))


async def _picture(visit: Visit) -> Answer:
    audio = await library.recording_audio(visit.house, visit.access, visit.path["recording"])
    drawn = small_waveform(audio.envelope(SMALL_COLUMNS)).as_str().encode()
    return Answer(200, drawn, b"image/svg+xml", (*rendering.HEADERS, *visit.headers), KEPT)


async def _find(visit: Visit) -> Recording:
    return await library.find_recording(visit.house, visit.access, visit.path["recording"])


PAGES = (
    Page("GET", PLACE, Needs.VIEWER, _list),
    Page("POST", PLACE, Needs.MANAGER, _upload, "upload-recording", most_bytes, most_files=1, counts="v2"),
    Page("GET", ONE, Needs.VIEWER, _show),
    Page("POST", f"{ONE}/name", Needs.MANAGER, _rename, "rename-recording"),
    Page("POST", f"{ONE}/delete", Needs.MANAGER, _delete, "delete-recording"),
    Page("GET", f"{ONE}/sound.wav", Needs.VIEWER, _sound),
    Page("GET", f"{ONE}/waveform.svg", Needs.VIEWER, _picture),
)
