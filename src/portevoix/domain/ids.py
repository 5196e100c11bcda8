"""Names that the outside world uses for accounts, keys and commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from portevoix.domain.errors import InvalidValue

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letter that reads as a digit
_PUBLIC_ID = re.compile(r"(?:acct|key|user)_[0-9a-hjkmnp-tv-z]{12}", re.ASCII)
_NAMES = {"acct": "an account", "key": "a key", "user": "a person's"}
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


class Mode(StrEnum):
    """Which ledger of an account: real credit, or its sandbox twin's."""

    LIVE = "live"
    SANDBOX = "sandbox"


def public_id(kind: str, entropy: bytes) -> str:
    """Make a public id from randomness.

    Args:
        kind: ``acct``, ``key`` or ``user``.
        entropy: 12 random bytes, of which 60 bits are used.
    """
    if len(entropy) != 12:
        raise ValueError("a public id takes 12 bytes of entropy")
    return f"{kind}_" + "".join(_ALPHABET[byte & 31] for byte in entropy)


def parse_public_id(text: str, kind: str) -> str:
    """Check a public id from outside.

    Raises:
        InvalidValue: not an id of this kind.
    """
    if not _PUBLIC_ID.fullmatch(text) or not text.startswith(f"{kind}_"):
        raise InvalidValue(f"not {_NAMES[kind]} id: {text[:40]!r} ({kind}_…)")
    return text


@dataclass(frozen=True, slots=True)
class AccountRef:
    """One ledger of one account, as people name it.

    Args:
        public_id: ``acct_…``, shared by the live account and its sandbox twin.
        mode: which of the two.
    """

    public_id: str
    mode: Mode = Mode.LIVE

    @classmethod
    def parse(cls, text: str, mode: Mode = Mode.LIVE) -> AccountRef:
        """Read ``acct_…`` or, for the sandbox twin, ``acct_…/sandbox``."""
        name, slash, tail = text.partition("/")
        if slash:
            if tail != Mode.SANDBOX:
                raise InvalidValue(f"not an account: {text[:60]!r}")
            mode = Mode.SANDBOX
        return cls(parse_public_id(name, "acct"), mode)

    def __str__(self) -> str:
        return self.public_id if self.mode is Mode.LIVE else f"{self.public_id}/{self.mode}"


def parse_idempotency_key(text: str) -> str:
    """Check an idempotency key: 1 to 255 visible ASCII characters.

    Raises:
        InvalidValue: empty, too long, or with other characters.
    """
    if not _IDEMPOTENCY_KEY.fullmatch(text):
        raise InvalidValue("an idempotency key is 1 to 255 visible ASCII characters")
    return text
