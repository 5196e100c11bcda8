# SPDX-License-Identifier: MIT
"""What can go wrong with a request, as exceptions to catch by type."""

from __future__ import annotations


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


class ApiError(VoicePartnerError):
    """The service refused the request.

    Args:
        code: the API's own code, a number or a name.
        message: for people, in the service's language.
        status: the HTTP status.
        retry_after: seconds to wait before the next try, where the service tells.
    """

    def __init__(self, code: int | str, message: str, status: int, retry_after: float | None = None) -> None:
        super().__init__(f"{message} (code {code}, status {status})")
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type[ApiError], tuple[int | str, str, int, float | None]]:
        """Tell how to copy it, to another process too."""
        return type(self), (self.code, self.message, self.status, self.retry_after)


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
    NotFound: ("404", "not_found", "audio_file_not_found", "audio_not_found"),
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
    TextRefused: ("lang_invalid", "speech_failed", "speech_rate_invalid", "text_required", "text_too_long"),
}

_BY_CODE = {code: kind for kind, codes in CODES.items() for code in codes}


def api_error(code: int | str, message: str, status: int, retry_after: float | None) -> ApiError:
    """Make the exception that fits a refusal."""
    known = _BY_CODE.get(str(code).lower(), ApiError)
    kind = ServiceFailed if status >= 500 else RateLimited if status == 429 else known
    return kind(code, message, status, retry_after)
