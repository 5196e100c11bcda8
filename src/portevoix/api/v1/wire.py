"""The only home of Voice Partner's names: every message of the v1 wire as it is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from portevoix.domain.audio import display_duration, display_size
from portevoix.domain.money import format_euros
from portevoix.domain.recording import Recording
from portevoix.domain.tariff import Buys
from portevoix.service.reading import Credit

PARIS = ZoneInfo("Europe/Paris")

_Units = Annotated[int, Meta(ge=0)]
_Below60 = Annotated[int, Meta(ge=0, le=59)]
_Yes = Annotated[bool, Meta(extra_json_schema={"const": True})]
_No = Annotated[bool, Meta(extra_json_schema={"const": False})]


class Duration(Struct, frozen=True):
    """How long a voice SMS the credit buys; null throughout where the tariff sets no limit."""

    h: _Units | None
    m: _Below60 | None
    s: _Below60 | None


class Deposits(Struct, frozen=True):
    """How many voicemail deposits the credit buys; null where the tariff sets no limit."""

    message: _Units | None


class Details(Struct, frozen=True):
    """What the credit buys, by product."""

    tts: Duration
    tts_fixe: Duration
    voice: Deposits


class Me(Struct, frozen=True):
    """The credit of the account, and what it buys."""

    success: _Yes
    credit: Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]{1,6})?$", examples=["19", "0.05"])]
    currency: Annotated[str, Meta(extra_json_schema={"const": "€"})]
    details: Details


class FieldError(Struct, frozen=True):
    """One of several inputs at fault."""

    field: str
    code: int | str
    message: str


class Refusal(Struct, frozen=True):
    """Any answer that is no success."""

    success: _No
    code: int | str
    message: str
    errors: list[FieldError] | UnsetType = UNSET


def me(credit: Credit) -> Me:
    """Write the credit as ``/v1/me`` does."""
    return Me(True, format_euros(credit.available_micros), "€", _details(credit.buys))


def _details(buys: Buys) -> Details:
    return Details(_duration(buys.mobile_s), _duration(buys.landline_s), Deposits(buys.deposits))


def _duration(total_s: int | None) -> Duration:
    if total_s is None:
        return Duration(None, None, None)
    minutes, seconds = divmod(total_s, 60)
    return Duration(*divmod(minutes, 60), seconds)


class PhpDate(Struct, frozen=True):
    """A moment as PHP writes one."""

    date: Annotated[str, Meta(examples=["2018-04-16 13:26:46.000000"])]
    timezone_type: Annotated[int, Meta(extra_json_schema={"const": 3})]
    timezone: Annotated[str, Meta(extra_json_schema={"const": "Europe/Paris"})]


class Audio(Struct, frozen=True):
    """A recording of the library."""

    name: str
    token: str
    size: Annotated[str, Meta(examples=["104.5Ko"])]
    duration: Annotated[str, Meta(examples=["0:07"])]
    created_at: PhpDate


class Audios(Struct, frozen=True):
    """The library, oldest first."""

    nb_datas: _Units
    datas: list[Audio]


class RenameRequest(Struct, frozen=True):
    """Which recording is to be called what."""

    token_audio: str | None = msgspec.field(name="tokenAudio", default=None)
    filename: str | None = None


class Renamed(Struct, frozen=True):
    """A recording under its new name."""

    success: _Yes
    filename: str
    token_audio: str = msgspec.field(name="tokenAudio")


def audios(recordings: Sequence[Recording]) -> Audios:
    """Write the library as ``/v1/audios`` does."""
    return Audios(len(recordings), [_audio(recording) for recording in recordings])


def _audio(recording: Recording) -> Audio:
    return Audio(
        str(recording.name),
        recording.token,
        display_size(recording.wav_bytes),
        display_duration(recording.samples),
        PhpDate(recording.created_at.astimezone(PARIS).strftime("%Y-%m-%d %H:%M:%S.%f"), 3, PARIS.key),
    )


encode_json = msgspec.json.Encoder().encode
