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


class MissingKey(ApiError):
    """No API key was sent (code 1)."""


class InvalidKey(ApiError):
    """The API key is wrong, expired or revoked (code 10)."""


class AccountDisabled(ApiError):
    """The account is switched off (code 20)."""


class AccountBlocked(ApiError):
    """The account is blocked (code 30)."""


class AccessDenied(ApiError):
    """The key may not do this (code 40)."""


class AddressDenied(ApiError):
    """The key may not be used from this IP address (code 96)."""


class BadRequest(ApiError):
    """The request is malformed (codes 90 and 400)."""


class NotFound(ApiError):
    """What the request names does not exist (code 404)."""


class RateLimited(ApiError):
    """Too many requests (code 429); ``retry_after`` tells how long to wait."""


class InsufficientCredit(ApiError):
    """The credit is too low (code NOT_CREDIT)."""


class ServiceFailed(ApiError):
    """The service failed through no fault of the request (status 5xx); it may be tried again."""


BY_CODE: dict[str, type[ApiError]] = {
    "1": MissingKey,
    "10": InvalidKey,
    "20": AccountDisabled,
    "30": AccountBlocked,
    "40": AccessDenied,
    "90": BadRequest,
    "96": AddressDenied,
    "400": BadRequest,
    "404": NotFound,
    "429": RateLimited,
    "NOT_CREDIT": InsufficientCredit,
}


def api_error(code: int | str, message: str, status: int, retry_after: float | None) -> ApiError:
    """Make the exception that fits a refusal."""
    kind = ServiceFailed if status >= 500 else RateLimited if status == 429 else BY_CODE.get(str(code), ApiError)
    return kind(code, message, status, retry_after)
