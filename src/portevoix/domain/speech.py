"""What is asked of a voice: text, language and rate; and why it is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import ClassVar

from portevoix.domain.errors import DomainError, InvalidValue

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,3}", re.ASCII)


class TextMissing(InvalidValue):
    """There is no text, or nothing in it that can be said."""

    code = "text_required"


class TextTooLong(InvalidValue):
    """The text has too many characters, or would speak for too long."""

    code = "text_too_long"


class LanguageInvalid(InvalidValue):
    """The language is none, or no voice speaks it."""

    code = "lang_invalid"


class SpeechRateInvalid(InvalidValue):
    """The speech rate is not a number."""

    code = "speech_rate_invalid"


class SpeechFailed(DomainError):
    """The engine could not say this text; saying it again would fail again."""

    code = "speech_failed"


class SpeechUnavailable(DomainError):
    """The engine cannot be reached, or stopped in the middle of the work; the text is not at fault."""

    code = "speech_unavailable"


@dataclass(frozen=True, slots=True)
class SpeechRate:
    """How fast to speak, in percent of the voice's own rate: 50 (half as fast) to 200."""

    SLOWEST: ClassVar[int] = 50
    FASTEST: ClassVar[int] = 200

    percent: int = 100

    def __post_init__(self) -> None:
        if not self.SLOWEST <= self.percent <= self.FASTEST:
            raise SpeechRateInvalid("a speech rate is 50 to 200 percent")

    @classmethod
    def parse(cls, value: object) -> SpeechRate:
        """Read a rate as the wire gives it: 0.5 to 2, a number or its text; beyond these, the nearest.

        Raises:
            SpeechRateInvalid: not a number.
        """
        try:
            rate = Decimal(str(value).strip())
        except InvalidOperation:
            rate = Decimal("NaN")
        if isinstance(value, bool) or not rate.is_finite():
            raise SpeechRateInvalid(f"not a speech rate: {str(value)[:20]!r}")
        # Clamped before it is scaled: a number of a thousand digits costs nothing.
        clamped = min(max(rate, Decimal("0.5")), Decimal(2))
        return cls(int((clamped * 100).to_integral_value()))

    def __str__(self) -> str:
        return f"{Decimal(self.percent).scaleb(-2).normalize()}"


@dataclass(frozen=True, slots=True)
class SpeechLimits:
    """What one message may be at most.

    Args:
        characters: the length of the text as it is sent.
        duration_s: how long it may speak, pauses included.
    """

    characters: int = 2_000
    duration_s: int = 600


@dataclass(frozen=True, slots=True)
class Utterance:
    """A text to say.

    Args:
        text: as the customer wrote it; engines normalise it, and never read mark-up in it.
        language: a language tag (BCP 47), such as ``fr`` or ``en-US``.
        rate: how fast.
    """

    text: str
    language: str = "fr"
    rate: SpeechRate = field(default_factory=SpeechRate)

    @classmethod
    def parse(cls, text: str, language: str = "fr", rate: object = 1, limits: SpeechLimits | None = None) -> Utterance:
        """Check what a request asks to be said.

        Raises:
            TextMissing: the text is blank.
            TextTooLong: over the limit in characters.
            LanguageInvalid: not the form of a language tag. Whether a voice speaks it, its engine knows.
            SpeechRateInvalid: the rate is not a number.
        """
        limits = limits or SpeechLimits()
        text = text.replace("\0", "")  # nobody hears it, and PostgreSQL keeps none
        if not text.strip():
            raise TextMissing("there is no text")
        if len(text) > limits.characters:
            raise TextTooLong(f"the text has {len(text)} characters; {limits.characters} is the most")
        if not _LANGUAGE.fullmatch(language):
            raise LanguageInvalid(f"not a language: {language[:20]!r}")
        return cls(text, language.replace("_", "-").lower(), SpeechRate.parse(rate))


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that an engine has.

    Args:
        id: unique within its engine.
        language: a language tag (BCP 47).
        name: for people.
        engine: the engine's name.
    """

    id: str
    language: str
    name: str
    engine: str
