# SPDX-License-Identifier: MIT
"""The library of recordings: what it holds, and the requests on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from portevoix.client.answer import Answer
from portevoix.client.key import KeyPlace
from portevoix.client.page import Page, page_of
from portevoix.client.request import Form, Request
from portevoix.client.shape import read_count, read_moment, read_number, read_seconds, read_text, shape


@dataclass(frozen=True, slots=True)
class AudioFile:
    """A recording as v1 lists it, on Portevoix and on Voice Partner.

    Args:
        size: for people, such as ``104.5Ko``.
        duration: to the nearest second.
        created_at: in Paris time.
    """

    name: str
    token: str
    size: str
    duration: timedelta
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Conditioning:
    """What was done to a file to make it fit for the telephone.

    Args:
        container: the file's format.
        codec: its decoder.
        trimmed_start: silence dropped in front.
        trimmed_end: silence dropped at the end.
        gain_db: what the loudness was changed by.
    """

    container: str
    codec: str
    trimmed_start: timedelta
    trimmed_end: timedelta
    gain_db: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as Portevoix keeps it.

    Args:
        duration: exact.
        billable_s: whole seconds of a call that plays it to its end.
        size_bytes: of its 16-bit WAV.
        sha256: of the A-law bytes that calls play.
    """

    token: str
    name: str
    duration: timedelta
    billable_s: int
    size_bytes: int
    sha256: str
    conditioning: Conditioning
    created_at: datetime


def rename(token: str, name: str) -> Request[str]:
    """Give a recording another name; the answer is the name that it has now."""
    body = {"tokenAudio": token, "filename": name}
    return Request("POST", "/v1/audio-file/rename", KeyPlace.BODY, _read_name, body=body)


def page() -> Request[Page[Recording]]:
    """Read the first page of the library, oldest first."""
    return page_of("/v2/audio", "recordings", _recording)


def upload(form: Form) -> Request[Recording]:
    """Add a file to the library."""
    return Request("POST", "/v2/audio", KeyPlace.BEARER, _read_recording, form=form)


def show(token: str) -> Request[Recording]:
    """Read one recording."""
    return Request("GET", _path(token), KeyPlace.BEARER, _read_recording)


def delete(token: str) -> Request[None]:
    """Remove a recording."""
    return Request("DELETE", _path(token), KeyPlace.BEARER, Answer.nothing)


def content(token: str) -> Request[bytes]:
    """Read a recording as a WAV file."""
    return Request("GET", f"{_path(token)}/content", KeyPlace.BEARER, Answer.wav)


def _path(token: str) -> str:
    return f"/v2/audio/{quote(token, safe='', errors='replace')}"


def _read_audios(answer: Answer) -> list[AudioFile]:
    fields = answer.fields()
    with answer.reading("the list of recordings"):
        return [_audio_file(item) for item in fields["datas"]]


def _audio_file(item: dict[str, Any]) -> AudioFile:
    return AudioFile(
        name=read_text(item["name"]),
        token=read_text(item["token"]),
        size=read_text(item["size"]),
        duration=_clock(read_text(item["duration"])),
        created_at=_php_moment(item["created_at"]),
    )


def _clock(text: str) -> timedelta:
    """Read minutes and seconds, ``0:07``."""
    minutes, seconds = text.split(":")
    return timedelta(minutes=int(minutes), seconds=int(seconds))


def _php_moment(value: dict[str, Any]) -> datetime:
    """Read a moment as PHP writes one: a time without a zone, and the zone's name beside it."""
    local = datetime.fromisoformat(read_text(value["date"]))
    return local.replace(tzinfo=ZoneInfo(read_text(value["timezone"]))).astimezone(ZoneInfo("Europe/Paris"))


def _read_name(answer: Answer) -> str:
    fields = answer.fields()
    with answer.reading("the new name"):
        return read_text(fields["filename"])


def _read_recording(answer: Answer) -> Recording:
    fields = answer.fields()
    with answer.reading("the recording"):
        return _recording(fields)


_conditioning = shape(
    Conditioning,
    container=read_text,
    codec=read_text,
    trimmed_start=("trimmed_start_s", read_seconds),
    trimmed_end=("trimmed_end_s", read_seconds),
    gain_db=read_number,
)

_recording = shape(
    Recording,
    token=read_text,
    name=read_text,
    duration=("duration_s", read_seconds),
    billable_s=read_count,
    size_bytes=read_count,
    sha256=read_text,
    conditioning=_conditioning,
    created_at=read_moment,
)

AUDIOS = Request("GET", "/v1/audios", KeyPlace.PATH, _read_audios)
