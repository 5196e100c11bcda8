"""The only home of Voice Partner's names: every message of the v1 wire as it is written."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from portevoix.domain.audio import RATE_HZ, display_duration, display_size
from portevoix.domain.campaign import shares
from portevoix.domain.money import format_euros
from portevoix.domain.placing import Placing
from portevoix.domain.recording import Recording
from portevoix.domain.schedule import PARIS
from portevoix.domain.tariff import Buys
from portevoix.service.reading import Credit

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


Phones = str | int | list[str | int] | None
_Euros = Annotated[Decimal, Meta(examples=[0.15])]
_Seconds = Annotated[Decimal, Meta(examples=[6.3])]
_Eur = Annotated[str, Meta(extra_json_schema={"const": "EUR"})]


class TtsRequest(Struct, frozen=True, rename="camel"):
    """A voice SMS: who is rung, and what is played to them."""

    phone_numbers: Phones = None
    text: str | None = None
    token_audio: str | None = None
    lang: str | None = None
    speech_rate: float | str | None = None
    speed: float | str | None = None
    notify_url: str | None = None
    scheduled_date: str | None = None


class DepositRequest(Struct, frozen=True, rename="camel"):
    """A voicemail deposit: on whose voicemail, and which recording."""

    token_audio: str | None = None
    phone_numbers: Phones = None
    email_for_notification: str | None = None
    sender: str | int | None = None
    scheduled_date: str | None = None
    notify_url: str | None = None


class TtsShare(Struct, frozen=True, rename={"nb_sms": "nbSms"}):
    """What of a voice SMS goes to one country."""

    nb_sms: _Units
    cost_unity: _Euros
    cost: _Euros
    country_code: str
    duration: _Seconds


class TtsSent(Struct, frozen=True, rename="camel"):
    """A voice SMS that was accepted: the most that it can cost, by country calling code too."""

    success: _Yes
    campaign_id: str
    cost: _Euros
    currency: _Eur
    nb_sms: _Units
    lang: str
    duration: _Seconds
    detail: dict[str, TtsShare]


class DepositShare(Struct, frozen=True, rename={"nb_sms": "nbSms"}):
    """What of a deposit goes to one country."""

    nb_sms: _Units
    cost_unity: _Euros
    cost: _Euros


class AudioFile(Struct, frozen=True):
    """The recording that is left."""

    filename: str
    size: Annotated[str, Meta(examples=["135.8Ko"])]


class DepositSent(Struct, frozen=True, rename="camel"):
    """A deposit that was accepted: the most that it can cost, by country calling code too."""

    success: _Yes
    campaign_id: str
    cost: _Euros
    currency: _Eur
    nb_sms: _Units
    audio_file: AudioFile
    detail: dict[str, DepositShare]


class Cancelled(Struct, frozen=True, rename="camel"):
    """A send that was cancelled, and the credit that came back."""

    success: _Yes
    campaign_id: str
    assigned_credit: Annotated[str, Meta(examples=["1.8"])]
    currency: _Eur


def tts_sent(placing: Placing) -> TtsSent:
    """Write an accepted voice SMS as ``/v1/tts/send`` does."""
    utterance = placing.message.utterance
    duration = _tenths(placing.message.audio.samples)
    detail = {
        code: TtsShare(share.count, _euros(share.unit_micros), _euros(share.total_micros), share.country, duration)
        for code, share in shares(placing.priced).items()
    }
    return TtsSent(
        True,
        placing.campaign,
        _euros(placing.reserved_micros),
        "EUR",
        len(placing.priced),
        utterance.language if utterance else "fr",
        duration,
        detail,
    )


def deposit_sent(placing: Placing) -> DepositSent:
    """Write an accepted deposit as ``/v1/campaign/send`` does."""
    recording = placing.message.recording
    assert recording is not None, "a deposit leaves a recording"
    detail = {
        code: DepositShare(share.count, _euros(share.unit_micros), _euros(share.total_micros))
        for code, share in shares(placing.priced).items()
    }
    return DepositSent(
        True,
        placing.campaign,
        _euros(placing.reserved_micros),
        "EUR",
        len(placing.priced),
        AudioFile(str(recording.name), display_size(recording.wav_bytes)),
        detail,
    )


def cancelled(campaign: str, released_micros: int) -> Cancelled:
    """Write a cancelled send as ``/v1/campaign/cancel`` does."""
    return Cancelled(True, campaign, format_euros(released_micros), "EUR")


def _euros(micros: int) -> Decimal:
    """Write a sum as a JSON number, exactly."""
    return Decimal(format_euros(micros))


def _tenths(samples: int) -> Decimal:
    """Write a duration in seconds, to the nearest tenth, halves upwards."""
    return Decimal((20 * samples + RATE_HZ) // (2 * RATE_HZ)).scaleb(-1)


encode_json = msgspec.json.Encoder(decimal_format="number").encode
