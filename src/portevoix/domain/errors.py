"""The one error tree. Each leaf has a stable code; a door maps codes to its own wire."""

from __future__ import annotations

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
