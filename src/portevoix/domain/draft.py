"""A message that somebody is writing: what was typed, until it is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from portevoix.domain.errors import DomainError, NotFound

KEPT_FOR = timedelta(days=1)
"""A draft that nobody touches is forgotten after so long, sent or not."""
MOST_KEPT = 20
"""Drafts of one person; the oldest go first."""

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


class DraftNotFound(NotFound):
    """The person has no such draft in this account, or not any more."""

    code = "draft_not_found"


class DraftSent(DomainError):
    """The draft was sent meanwhile; nothing was sent twice."""

    code = "draft_sent"


class DraftChanged(DomainError):
    """What would be sent is not what was shown, another tab has changed it for instance; nothing was sent."""

    code = "draft_changed"


class PriceRisen(DomainError):
    """Sending would set more aside than was shown; nothing was sent."""

    code = "price_risen"


@dataclass(frozen=True, slots=True)
class Listed:
    """Recipients that came in a file, or were too many to be shown again.

    Args:
        name: the file's; blank for what was pasted.
        entries: each once: a number as it is dialled, or what is none as it was given; and its line.
        duplicates: how many more there were that named a number again.
        bad: how many of the entries are no number that can be called.
    """

    name: str
    entries: tuple[tuple[str, int], ...]
    duplicates: int
    bad: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that somebody is writing.

    Args:
        fields: what was typed, as it was typed.
        campaign: what it was sent as; then the rest is gone.
    """

    id: str
    fields: Mapping[str, str]
    listed: Listed | None = None
    campaign: str | None = None

    @property
    def digest(self) -> str:
        """Sums up what would be sent, in hexadecimal: another digest is another message."""
        content = [sorted(self.fields.items()), self.listed.entries if self.listed else None]
        return sha256(json.dumps(content).encode("ascii")).hexdigest()


def draft_id(entropy: bytes) -> str:
    """Make a draft's id of 16 random bytes."""
    if len(entropy) != 16:
        raise ValueError("a draft's id takes 16 bytes of entropy")
    return entropy.hex()


def parse_draft_id(text: str) -> str:
    """Check a draft's id from outside. Raises DraftNotFound."""
    if not _ID.fullmatch(text):
        raise DraftNotFound("there is no such draft")
    return text
