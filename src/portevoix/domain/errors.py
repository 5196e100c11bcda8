"""The one error tree. Each leaf has a stable code; a door maps codes to its own wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class DomainError(Exception):
    """A refusal that a caller can understand and act on.

    Args:
        message: what is wrong, in English, without secrets.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidValue(DomainError):
    """A value from outside does not parse."""

    code = "invalid_value"


class NotFound(DomainError):
    """The thing that a command names does not exist."""

    code = "not_found"


class AlreadyExists(DomainError):
    """The name or date that a command would take is taken."""

    code = "already_exists"


class AccessRefused(DomainError):
    """A request may not enter; the subclass says why."""

    code = "access_refused"


class KeyMissing(AccessRefused):
    """No API key was given."""

    code = "key_missing"


class KeyUnknown(AccessRefused):
    """The API key is wrong, expired or revoked: which of the three is not told."""

    code = "key_unknown"


class AccountDisabled(AccessRefused):
    """The account is switched off."""

    code = "account_disabled"


class AccountBlocked(AccessRefused):
    """The account is blocked, for abuse or debt."""

    code = "account_blocked"


class ScopeRefused(AccessRefused):
    """The key is right, but may not do this."""

    code = "scope_refused"


class AddressRefused(AccessRefused):
    """The key may not be used from this IP address."""

    code = "address_refused"


class InsufficientCredit(DomainError):
    """The available credit is below what the command takes; nothing was changed."""

    code = "insufficient_credit"


class IdempotencyConflict(DomainError):
    """The idempotency key was used before, for another command."""

    code = "idempotency_conflict"


class HoldResolved(DomainError):
    """The hold was settled or released before, with another amount."""

    code = "hold_resolved"


class HoldExceeded(DomainError):
    """More was to be settled or refunded than the hold allows."""

    code = "hold_exceeded"


class NotRelated(DomainError):
    """Credit moves only between a parent account and its own sub-account."""

    code = "not_related"


class TariffInvalid(DomainError):
    """A tariff file has bad lines; nothing of it was imported.

    Args:
        problems: every bad line as (line number, what is wrong), the header being line 1.
    """

    code = "tariff_invalid"

    def __init__(self, problems: Sequence[tuple[int, str]]) -> None:
        super().__init__("; ".join(f"line {line}: {problem}" for line, problem in problems))
        self.problems = tuple(problems)


class Unavailable(DomainError):
    """The database cannot be reached now; nothing was changed."""

    code = "unavailable"


class Busy(Unavailable):
    """Others were in the way for too long, or both in each other's; nothing was changed, and it may be tried again."""

    code = "busy"


class RateLimited(DomainError):
    """The caller's allowance of requests is used up."""

    code = "rate_limited"


class MethodNotAllowed(DomainError):
    """What is there does not take this method."""

    code = "method_not_allowed"


class Defect(DomainError):
    """Something went wrong through our fault; what, is in the log."""

    code = "defect"
