# SPDX-License-Identifier: MIT
"""What can go wrong with a request, as exceptions to catch by type."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One of the things that are wrong with a request.

    Args:
        value: what is at fault: from v2 a number as it was given, from v1 the name of the field.
        reason: for people, in the service's language.
        line: of the file that it stands in, where one was sent.
    """

    value: str
    reason: str
    line: int | None = None


class VoicePartnerError(Exception):
    """Any failure of a request. Its text never holds the API key."""


class ConnectionFailed(VoicePartnerError):
    """The service could not be reached, or the connection broke."""


class TimedOut(ConnectionFailed):
    """The service did not answer in time."""


class UnexpectedAnswer(VoicePartnerError):
    """What came back is no answer of this API.

    Args:
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[type[UnexpectedAnswer], tuple[str, int]]:
        """Tell how to copy it, to another process too."""
        return type(self), (str(self), self.status)


class SignatureInvalid(VoicePartnerError):
    """A webhook was not signed with the secret, or too long ago."""


class ApiError(VoicePartnerError):
    """The service refused the request.

    Args:
        code: the API's own code, a number or a name.
        message: for people, in the service's language.
        status: the HTTP status.
        retry_after: seconds to wait before the next try, where the service tells.
        errors: each thing that is wrong, where the service names several.
        more: how many there are beyond those.
    """

    def __init__(
        self,
        code: int | str,
        message: str,
        status: int,
        retry_after: float | None = None,
        errors: Iterable[Fault] = (),
        more: int = 0,
    ) -> None:
        super().__init__(f"{message} (code {code}, status {status})")
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.errors = tuple(errors)
        self.more = more

    def __reduce__(self) -> tuple[type[ApiError], tuple[object, ...]]:
        """Tell how to copy it, to another process too."""
        return type(self), (self.code, self.message, self.status, self.retry_after, self.errors, self.more)


class MissingKey(ApiError):
    """No API key was sent."""


class InvalidKey(ApiError):
    """The API key is wrong, expired or revoked."""


class AccountDisabled(ApiError):
    """The account is switched off."""


class AccountBlocked(ApiError):
    """The account is blocked."""


class AccessDenied(ApiError):
    """The key may not do this."""


class AddressDenied(ApiError):
    """The key may not be used from this IP address."""


class BadRequest(ApiError):
    """The request is malformed, or too large."""


class NotFound(ApiError):
    """What the request names does not exist."""


class RateLimited(ApiError):
    """Too many requests; ``retry_after`` tells how long to wait."""


class InsufficientCredit(ApiError):
    """The credit is too low."""


class AudioRefused(ApiError):
    """The recording cannot be taken; ``code`` says what is wrong with the file, or with its name."""


class TextRefused(ApiError):
    """The text cannot be said; ``code`` says what is wrong with it, its language or its rate."""


class RecipientsRefused(ApiError):
    """The numbers cannot be called: there are none, too many, or some are bad; ``errors`` names every bad one."""


class SenderRefused(ApiError):
    """The sender is no number that can be called back, or was not verified for the account."""


class ScheduleRefused(ApiError):
    """The moment to begin is none, has passed, or is too far ahead."""


class NotifyUrlRefused(ApiError):
    """The URL to notify is none."""


class EmailRefused(ApiError):
    """The e-mail address is none."""


class MessageBegun(ApiError):
    """The message has begun, is over or was cancelled: it cannot be changed in that way any more."""


class IdempotencyConflict(ApiError):
    """The idempotency key was used before, for another request."""


class AudioInUse(ApiError):
    """The recording is still to be played by a message."""


class SandboxOnly(ApiError):
    """Only a test key may do this."""


class ServiceFailed(ApiError):
    """The service failed through no fault of the request (status 5xx); it may be tried again."""


#: Each kind of refusal with its codes, those of v1 and those of v2, without regard to case.
CODES: dict[type[ApiError], tuple[str, ...]] = {
    MissingKey: ("1", "key_missing"),
    InvalidKey: ("10", "key_unknown"),
    AccountDisabled: ("20", "account_disabled"),
    AccountBlocked: ("30", "account_blocked"),
    AccessDenied: ("40", "scope_refused"),
    AddressDenied: ("96", "address_refused"),
    BadRequest: ("90", "400", "invalid_value", "body_too_large", "token_audio_required"),
    NotFound: (
        "404",
        "not_found",
        "audio_file_not_found",
        "audio_not_found",
        "call_erased",
        "call_not_found",
        "call_not_recorded",
        "message_not_found",
        "webhook_not_found",
    ),
    RateLimited: ("429", "rate_limited"),
    InsufficientCredit: ("not_credit", "insufficient_credit"),
    AudioRefused: (
        "audio_broken",
        "audio_empty",
        "audio_name_invalid",
        "audio_refused",
        "audio_too_large",
        "audio_too_long",
        "audio_unsupported",
        "filename_invalid",
    ),
    TextRefused: (
        "lang_invalid",
        "speech_failed",
        "speech_rate_invalid",
        "text_invalid",
        "text_required",
        "text_too_long",
    ),
    RecipientsRefused: ("destination_invalid", "phone_number_required", "phone_number_size_error"),
    SenderRefused: ("sender_invalid", "sender_not_authorized"),
    ScheduleRefused: ("scheduled_date_invalid",),
    NotifyUrlRefused: ("notify_url_invalid",),
    EmailRefused: ("email_invalid",),
    MessageBegun: ("message_begun",),
    IdempotencyConflict: ("409", "idempotency_conflict"),
    AudioInUse: ("audio_in_use",),
    SandboxOnly: ("sandbox_only",),
}

_BY_CODE = {code: kind for kind, codes in CODES.items() for code in codes}


#: What v1 calls both a wrong key and a message that cannot be cancelled any more.
_TWO_MEANINGS = "10"
_NOT_CANCELLED = "Action non autoris"


def api_error(
    code: int | str,
    message: str,
    status: int,
    retry_after: float | None,
    errors: Iterable[Fault] = (),
    more: int = 0,
) -> ApiError:
    """Make the exception that fits a refusal."""
    kind = _BY_CODE.get(str(code).lower(), ApiError)
    if str(code) == _TWO_MEANINGS and (status == 403 or message.startswith(_NOT_CANCELLED)):
        kind = MessageBegun
    kind = ServiceFailed if status >= 500 else RateLimited if status == 429 else kind
    return kind(code, message, status, retry_after, errors, more)
