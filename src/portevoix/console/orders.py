"""From what was typed to an order: each field parsed on its own, so that all that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from portevoix.domain.account import Access
from portevoix.domain.call import Retries
from portevoix.domain.campaign import Kind, Order, Refused, SenderInvalid, SenderNotAuthorized
from portevoix.domain.draft import Draft, Listed
from portevoix.domain.errors import DomainError, InvalidValue
from portevoix.domain.mail import EmailAddress
from portevoix.domain.number import Number, NumberInvalid, split_numbers
from portevoix.domain.recording import RecordingNotFound
from portevoix.domain.routing import NoDepositRoute, NoRoute
from portevoix.domain.schedule import ScheduledDateInvalid, ahead, parse_paris
from portevoix.domain.speech import (
    LanguageInvalid,
    SpeechFailed,
    SpeechRateInvalid,
    SpeechUnavailable,
    TextMissing,
    TextTooLong,
    Utterance,
)
from portevoix.domain.webhook import NotifyUrl
from portevoix.ports import House
from portevoix.service import campaigns, library
from portevoix.web.recipients import Recipients

Parsed = TypeVar("Parsed")

TEXT, RECORDING = "text", "recording"

#: What may be typed, and what stands there to begin with.
FIELDS: Mapping[str, str] = {
    "kind": Kind.VOICE,
    "source": TEXT,
    "text": "",
    "lang": "fr",
    "rate": "1",
    "recording": "",
    "numbers": "",
    "at": "",
    "sender": "",
    "notify_url": "",
    "email": "",
    "retries": "0",
    "spacing_min": "5",
}

MOST_RETRIES = 5
SPACING_MIN = range(1, 1_441)

_FIELD_OF: Mapping[type[DomainError], str] = {
    LanguageInvalid: "lang",
    SpeechRateInvalid: "rate",
    TextMissing: "text",
    TextTooLong: "text",
    SpeechFailed: "text",
    SpeechUnavailable: "text",
    RecordingNotFound: "recording",
    ScheduledDateInvalid: "at",
    SenderNotAuthorized: "sender",
    NoRoute: "numbers",
    NoDepositRoute: "numbers",
}


class RecordingMissing(InvalidValue):
    """No recording was chosen."""

    code = "recording_missing"


class DepositNeedsRecording(InvalidValue):
    """A text is not deposited; a recording is."""

    code = "deposit_needs_recording"


class EmailForDeposits(InvalidValue):
    """Only the end of a deposit is written of."""

    code = "email_for_deposits"


class RetriesInvalid(InvalidValue):
    """More new attempts, or another time between them, than may be."""

    code = "retries_invalid"


@dataclass(slots=True)
class Reading:
    """What became of a draft's fields.

    Args:
        recipients: who was named, and where.
        wrong: what is wrong, by field.
        order: ``None`` where something is wrong.
    """

    recipients: Recipients
    wrong: dict[str, DomainError] = field(default_factory=dict)
    order: Order | None = None

    def take(self, name: str, parse: Callable[[], Parsed]) -> Parsed | None:
        """Parse a field, or note what is wrong with it."""
        try:
            return parse()
        except DomainError as error:
            self.wrong[name] = error
            return None

    def maybe(self, name: str, fields: Mapping[str, str], parse: Callable[[str], Parsed]) -> Parsed | None:
        """Parse a field that may be blank."""
        return self.take(name, lambda: parse(fields[name])) if fields[name].strip() else None

    def located(self, refused: Sequence[Refused]) -> tuple[Refused, ...]:
        """Tell where those stand that a use case has refused."""
        return self.recipients.located(refused)


def plays_recording(fields: Mapping[str, str]) -> bool:
    """Tell whether a recording is to be played: always of a deposit, whatever text was typed."""
    return fields["source"] == RECORDING or fields["kind"] == Kind.DEPOSIT


def field_of(error: DomainError) -> str:
    """Tell beside which field a refusal of the use cases is told; blank for none of them."""
    return _FIELD_OF.get(type(error), "")


def entries_typed(text: str) -> Iterator[tuple[str, int]]:
    """Read numbers that were typed or pasted, each with its line: one a line, or parted by commas or semicolons."""
    for line, content in enumerate(text.splitlines(), start=1):
        for entry in split_numbers(content):
            yield entry, line


def utterance_of(reading: Reading, fields: Mapping[str, str]) -> Utterance | None:
    """Read what is to be said."""
    try:
        return Utterance.parse(fields["text"], fields["lang"], fields["rate"])
    except DomainError as error:
        reading.wrong[field_of(error)] = error
        return None


async def read_draft(house: House, access: Access, draft: Draft) -> Reading:
    """Read a draft: an order, or all that is wrong with it."""
    fields = {**FIELDS, **draft.fields}
    reading = Reading(Recipients(house.policy.most_recipients))
    kind = reading.take("kind", lambda: _choice(Kind, fields["kind"])) or Kind.VOICE
    utterance, token = None, None
    if plays_recording(fields):
        token = await _recording(house, access, reading, kind, fields["recording"])
    else:
        utterance = utterance_of(reading, fields)
    await _recipients(reading, fields["numbers"], draft.listed)
    now = access.now(house.clock.now())
    parsed = Order(
        kind=kind,
        numbers=reading.recipients.numbers,
        token=token,
        utterance=utterance,
        due_at=reading.maybe("at", fields, lambda text: ahead(parse_paris(_moment(text)), now)),
        notify_url=reading.maybe("notify_url", fields, NotifyUrl.parse),
        email=reading.maybe("email", fields, lambda text: _email(kind, text)),
        sender=await _sender(house, access, reading, fields["sender"]),
        retries=reading.take("retries", lambda: _retries(fields["retries"], fields["spacing_min"])) or Retries(),
        refused=reading.recipients.refused,
    )
    reading.order = None if reading.wrong else parsed
    return reading


async def _recording(house: House, access: Access, reading: Reading, kind: Kind, token: str) -> str | None:
    try:
        if not token and kind is Kind.DEPOSIT:
            raise DepositNeedsRecording("a deposit needs a recording")
        if not token:
            raise RecordingMissing("no recording was chosen")
        return (await library.find_recording(house, access, token)).token
    except (DepositNeedsRecording, RecordingMissing, RecordingNotFound) as error:
        reading.wrong["recording"] = error
        return None


async def _recipients(reading: Reading, typed: str, listed: Listed | None) -> None:
    entries = listed.entries if listed else entries_typed(typed)
    try:
        await reading.recipients.take(entries)
    except InvalidValue as error:
        reading.wrong["numbers"] = error


async def _sender(house: House, access: Access, reading: Reading, text: str) -> Number | None:
    if not text.strip():
        return None
    try:
        sender = Number.parse(text)
        await campaigns.check_sender(house, access, sender)
    except NumberInvalid:
        reading.wrong["sender"] = SenderInvalid("the sender is no number that can be called back")
        return None
    except SenderNotAuthorized as error:
        reading.wrong["sender"] = error
        return None
    return sender


def _email(kind: Kind, text: str) -> EmailAddress:
    if kind is not Kind.DEPOSIT:
        raise EmailForDeposits("an e-mail is written at the end of a deposit alone")
    return EmailAddress.parse(text)


def _choice(kinds: type[Kind], text: str) -> Kind:
    try:
        return kinds(text)
    except ValueError:
        raise InvalidValue(f"not one of {', '.join(kinds)}") from None


def _moment(text: str) -> str:
    """Complete what a browser gives of a date and an hour (HTML, 2.3.5.5) to what is read elsewhere."""
    return f"{text}:00" if text.count(":") == 1 else text


def _retries(most: str, spacing_min: str) -> Retries:
    if not (_is_number(most) and _is_number(spacing_min) and int(most) <= MOST_RETRIES):
        raise RetriesInvalid(f"up to {MOST_RETRIES} new attempts")
    if int(spacing_min) not in SPACING_MIN:
        raise RetriesInvalid(f"{SPACING_MIN[0]} to {SPACING_MIN[-1]} minutes from one attempt to the next")
    return Retries(int(most), int(spacing_min) * 60)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4
