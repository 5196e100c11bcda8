"""Campaigns: one message for one or many recipients, what it is to cost, and how far it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from portevoix.domain.audio import RATE_HZ, TelephoneAudio
from portevoix.domain.call import Answerer, CallState, Outcome, Retries, Trace
from portevoix.domain.errors import DomainError, InvalidValue, NotFound
from portevoix.domain.mail import EmailAddress
from portevoix.domain.number import Line, Number
from portevoix.domain.recording import Recording
from portevoix.domain.speech import Utterance
from portevoix.domain.tariff import Product, Rate, Tariff
from portevoix.domain.webhook import NotifyUrl

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 10
_CALL_ID = re.compile(r"([0-9A-Za-z]{10})-([1-9][0-9]{0,6})", re.ASCII)


class Kind(StrEnum):
    """What is done with the message."""

    VOICE = "voice"
    DEPOSIT = "deposit"


class CampaignState(StrEnum):
    """Where a campaign stands."""

    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen to it any more, but for calls under way."""
        return self in (CampaignState.CANCELLED, CampaignState.FINISHED)


class CampaignNotFound(NotFound):
    """The account has no such campaign."""

    code = "message_not_found"


class CallNotFound(NotFound):
    """The account has no such call."""

    code = "call_not_found"


class CallErased(CallNotFound):
    """The account had such a call: it was erased, with the number."""

    code = "call_erased"


class CallNotRecorded(NotFound):
    """Nothing is kept of what the far end of the call said: never was, or not any more."""

    code = "call_not_recorded"


class CampaignBegun(DomainError):
    """The campaign has begun, is over or was cancelled: it cannot be changed in that way any more."""

    code = "message_begun"


class SenderInvalid(InvalidValue):
    """The sender is no number that can be called back."""

    code = "sender_invalid"


class SenderNotAuthorized(DomainError):
    """The sender has not been verified for this account."""

    code = "sender_not_authorized"


class RecipientsRefused(InvalidValue):
    """Some recipients cannot be called; nothing was sent to anybody.

    Args:
        refused: each with what is wrong with it.
    """

    code = "destination_invalid"

    def __init__(self, refused: Sequence[Refused]) -> None:
        super().__init__(f"{len(refused)} of the numbers cannot be called")
        self.refused = tuple(refused)


@dataclass(frozen=True, slots=True)
class Refused:
    """A recipient that cannot be called.

    Args:
        text: as it was given.
        reason: what is wrong with it.
        line: of the file that it stands in, where it does.
    """

    text: str
    reason: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What is played.

    Args:
        audio: the samples.
        recording: where it is one of the library.
        utterance: where it is a text.
    """

    audio: TelephoneAudio
    recording: Recording | None = None
    utterance: Utterance | None = None

    @property
    def billable_s(self) -> int:
        """Whole seconds of a call that plays it to its end."""
        return -(-self.audio.samples // RATE_HZ)


@dataclass(frozen=True, slots=True)
class Order:
    """What a sender asks for, but for what is played.

    Args:
        numbers: the recipients, each once.
        refused: what was given as a recipient and is none.
        due_at: when to begin; ``None`` for at once.
        sender: the number that is shown.
        token: the recording to play; then there is no utterance.
    """

    kind: Kind
    numbers: tuple[Number, ...]
    token: str | None = None
    utterance: Utterance | None = None
    due_at: datetime | None = None
    notify_url: NotifyUrl | None = None
    email: EmailAddress | None = None
    sender: Number | None = None
    retries: Retries = field(default_factory=Retries)
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class Priced:
    """A recipient with its price.

    Args:
        most_micros: the most that its call can cost, set aside when it is sent.
    """

    number: Number
    product: Product
    rate: Rate
    most_micros: int


def product_of(kind: Kind, number: Number) -> Product:
    """Tell what is sold to reach a number."""
    if kind is Kind.DEPOSIT:
        return Product.DEPOSIT
    return Product.VOICE_MOBILE if number.line is Line.MOBILE else Product.VOICE_LANDLINE


def cost_micros(rate: Rate, duration_s: int) -> int:
    """Price an answered call of so many seconds, or a deposit."""
    return rate.call_cost_micros(duration_s) if rate.product.is_timed else rate.message_cost_micros()


@dataclass(frozen=True, slots=True)
class Offer:
    """A recipient with the rate that counts for it."""

    number: Number
    product: Product
    rate: Rate

    def price(self, billable_s: int) -> Priced:
        """Price it, for a message that takes so many whole seconds of a call."""
        return Priced(self.number, self.product, self.rate, cost_micros(self.rate, billable_s))


def offers(tariff: Tariff, kind: Kind, numbers: Iterable[Number]) -> tuple[tuple[Offer, ...], tuple[Refused, ...]]:
    """Find the rate for each recipient; those that the tariff does not sell are refused."""
    found: list[Offer] = []
    refused: list[Refused] = []
    for number in numbers:
        product = product_of(kind, number)
        rate = tariff.rate_for(product, number.digits)
        if rate is None:
            refused.append(Refused(str(number), "the tariff has no price for this number"))
        else:
            found.append(Offer(number, product, rate))
    return tuple(found), tuple(refused)


@dataclass(frozen=True, slots=True)
class Share:
    """What of a message goes to one country, or one price.

    Args:
        unit_micros: what one call can cost at most.
    """

    calling_code: str
    country: str
    count: int
    unit_micros: int
    total_micros: int


def shares(priced: Iterable[Priced]) -> Mapping[str, Share]:
    """Sum recipients up by country calling code; the unit price shown is the dearest of them."""
    found: dict[str, Share] = {}
    for one in priced:
        code = one.number.calling_code
        before = found.get(code) or Share(code, one.number.country, 0, 0, 0)
        found[code] = Share(
            code,
            before.country,
            before.count + 1,
            max(before.unit_micros, one.most_micros),
            before.total_micros + one.most_micros,
        )
    return found


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as its owner sees it.

    Args:
        id: public.
        samples: of what is played, at 8,000 a second.
        recording: token and name of the recording played, where it is one.
        text: what is said, where it is a text.
        total: recipients.
        open: of these, how many are not over.
        delivered: how many were reached.
        cancelled: how many were cancelled.
        reserved_micros: what was set aside.
        settled_micros: what it has cost so far.
        held_micros: what is still set aside.
        calls_erased_at: when its calls were erased for good, with people's numbers; ``None`` where they were not.
    """

    id: str
    kind: Kind
    state: CampaignState
    samples: int
    sha256: str
    recording: tuple[str | None, str] | None
    text: str | None
    language: str | None
    sender: str | None
    notify_url: str | None
    email: str | None
    retries: Retries
    is_scheduled: bool
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None
    total: int
    open: int
    delivered: int
    cancelled: int
    reserved_micros: int
    settled_micros: int
    held_micros: int
    calls_erased_at: datetime | None = None

    @property
    def duration_s(self) -> Fraction:
        """How long the message plays, exactly."""
        return Fraction(self.samples, RATE_HZ)


class CampaignFilter(NamedTuple):
    """Which of an account's campaigns are looked for.

    Args:
        states: those that are in one of them.
        is_ahead: those that were scheduled, and are yet to begin; or the others. ``None`` for both.
        is_open: those alone of which some call is not over.
    """

    states: tuple[CampaignState, ...]
    is_ahead: bool | None = None
    is_open: bool = False


class CallFilter(NamedTuple):
    """Which of a campaign's calls are looked for; ``None`` for any.

    Args:
        digits: those whose number, in E.164, has them; of none, written by somebody all the same, there is no call.
    """

    states: tuple[str, ...] | None = None
    outcome: Outcome | None = None
    digits: str | None = None


ANY_CALL = CallFilter()


class Waiting(NamedTuple):
    """A call that can be cancelled.

    Args:
        call_id: its number in the store.
        hold_id: what was set aside for it; ``None`` where it costs nothing.
        attempts: how often it was dialled: it may wait to be tried again.
    """

    call_id: int
    hold_id: int | None
    attempts: int


class Cancelled(NamedTuple):
    """What a cancel has done.

    Args:
        released_micros: credit that came back.
        is_over: it ended a campaign of which some calls had been made: that is told as any other end.
    """

    campaign_id: int
    released_micros: int
    is_over: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One dialling of a call.

    Args:
        number: 1 for the first.
        route: the route that was asked.
        outcome: ``None`` while it is under way.
        cause: the SIP response code, where the carrier gave one.
        trace: what else happened, in its order.
    """

    number: int
    route: str
    dialed_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome | None
    answerer: Answerer | None
    keys: str
    cause: int | None = None
    trace: tuple[Trace, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A call as its owner sees it.

    Args:
        id: public: the campaign's, a dash, its place in it.
        duration_s: from its answer on, in whole seconds; ``None`` while it is not over.
        cost_micros: ``None`` while it is not over.
    """

    id: str
    number: str
    product: Product
    state: CallState
    outcome: Outcome | None
    due_at: datetime
    ended_at: datetime | None
    duration_s: int | None
    reserved_micros: int
    cost_micros: int | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """A call with all that happened to it."""

    call: Call
    campaign: str
    created_at: datetime
    attempts: tuple[Attempt, ...]


def campaign_id(entropy: bytes) -> str:
    """Make a campaign's public id, such as ``Ff1tbu0lax``, of 16 random bytes."""
    if len(entropy) != 16:
        raise ValueError("a campaign's id takes 16 bytes of entropy")
    number, letters = int.from_bytes(entropy), []
    for _ in range(_ID_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return "".join(letters)


def parse_campaign_id(text: str) -> str:
    """Check a campaign's id from outside. Raises CampaignNotFound."""
    if len(text) != _ID_LENGTH or any(letter not in _ALPHABET for letter in text):
        raise CampaignNotFound("there is no such message")
    return text


def call_id(campaign: str, position: int) -> str:
    """Write a call's public id."""
    return f"{campaign}-{position}"


def parse_call_id(text: str) -> tuple[str, int]:
    """Read a call's public id: its campaign, and its place in it. Raises CallNotFound."""
    match = _CALL_ID.fullmatch(text)
    if match is None:
        raise CallNotFound("there is no such call")
    return match[1], int(match[2])
