"""What a use case may reach: Protocols that the adapters fit, and the house that holds them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from portevoix.domain.account import Access, Account, ApiKey, Event, KeyTerms, State
from portevoix.domain.audio import AudioName, TelephoneAudio, Upload
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.ledger import (
    GrantTerms,
    Held,
    Kind,
    Posted,
    Reserve,
    Resolve,
    Resolved,
    StatementLine,
    Violation,
)
from portevoix.domain.limit import Allowance, Limit
from portevoix.domain.recording import Place, Recording
from portevoix.domain.speech import Utterance, Voice
from portevoix.domain.tariff import Rate, RateTable, Tariff


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the moment, in UTC."""


class Accounts(Protocol):
    """Accounts and their sandbox twins."""

    async def create(self, public_id: str, name: str, parent: str | None) -> Mapping[Mode, int]:
        """Open an account and its twin; returns each mode's ledger account. Raises NotFound (the parent)."""

    async def find(self, ref: AccountRef) -> Account:
        """Read one account. Raises NotFound."""

    async def list(self) -> Sequence[Account]:
        """Read all accounts, oldest first."""

    async def set_state(self, ref: AccountRef, state: State) -> None:
        """Change the state; a live account's goes for its twin too. Raises NotFound."""

    async def set_low_balance(self, ref: AccountRef, threshold_micros: int | None) -> None:
        """Change the credit below which an event is recorded. Raises NotFound."""

    async def events(self, account_id: int, after_id: int = 0) -> Sequence[Event]:
        """Read a page of what happened to an account, oldest first."""


class Keys(Protocol):
    """API keys, known by the digest of their secret."""

    async def create(self, public_id: str, account_id: int, digest: bytes, hint: str, terms: KeyTerms) -> None:
        """Keep a new key."""

    async def list(self, account: str | None = None, key: str | None = None) -> Sequence[ApiKey]:
        """Read the keys of an account in both modes, or one key."""

    async def revoke(self, key: str) -> None:
        """End a key at once. Raises NotFound."""

    async def expire(self, key: str, expires_at: datetime) -> tuple[int, KeyTerms]:
        """End a valid key at a moment, if not before; returns its account and terms. Raises NotFound."""

    async def access(self, digest: bytes) -> Access | None:
        """Read what a valid key leads to; ``None`` for a wrong, expired or revoked one."""


class Ledger(Protocol):
    """Credit, moved by transfers alone. Each method is one transaction; a repeat gets the first answer."""

    async def reserve(self, command: Reserve) -> Held:
        """Open a hold. Raises InsufficientCredit, AccountDisabled, AccountBlocked, IdempotencyConflict, NotFound."""

    async def resolve(self, command: Resolve) -> Resolved:
        """End a hold. Raises HoldExceeded, HoldResolved, NotFound."""

    async def credit(
        self, account_id: int, kind: Kind, amount_micros: int, terms: GrantTerms, key: str, reason: str | None
    ) -> Posted:
        """Give credit: a top-up or a credit adjustment. Raises IdempotencyConflict, InvalidValue (over the bound)."""

    async def refund(self, hold_id: int, amount_micros: int, key: str, reason: str | None) -> Posted:
        """Give back credit that a hold settled. Raises HoldExceeded, IdempotencyConflict, NotFound."""

    async def debit(self, account_id: int, amount_micros: int, key: str, reason: str) -> Posted:
        """Take credit away: a debit adjustment. Raises InsufficientCredit, IdempotencyConflict."""

    async def allot(self, giver_id: int, receiver_id: int, amount_micros: int, key: str, reason: str | None) -> Posted:
        """Move credit between parent and sub-account. Raises NotRelated, InsufficientCredit, IdempotencyConflict."""

    async def expire_due(self) -> int:
        """Take what is left of lapsed grants, everywhere; returns how many accounts were looked at."""

    def statement(self, account_id: int) -> AsyncIterator[StatementLine]:
        """Read an account's transfers, oldest first."""

    async def check(self) -> Sequence[Violation]:
        """Prove the ledger's invariants on one snapshot; returns every row that breaks one."""


class Tariffs(Protocol):
    """Tariffs and their dated revisions."""

    async def import_revision(self, name: str, effective_from: datetime, rates: Sequence[Rate]) -> int:
        """Keep rates as a tariff's revision from a date on. Raises AlreadyExists (a revision of that date)."""

    async def tariff(self, own: int | None, default: int | None) -> Tariff:
        """Put together what an account pays, of its own revision and the default's. Raises NotFound."""

    async def in_force(self, name: str | None) -> RateTable:
        """Read the revision of a tariff in force now, the default's where no name is given. Raises NotFound."""

    async def revisions(self) -> Sequence[tuple[str, bool, datetime, int]]:
        """List tariffs: name, whether it is the default, effective from, number of rates."""

    async def assign(self, account: str, tariff: str | None) -> None:
        """Give an account its own tariff, or the default alone. Raises NotFound."""


class Limits(Protocol):
    """Counts requests against rate limits."""

    async def count(self, caller: str, limit: Limit) -> Allowance:
        """Count one request of a caller."""


class Speech(Protocol):
    """Turns text into telephone audio."""

    @property
    def name(self) -> str:
        """Of the engine; part of what its speech is cached under."""

    @property
    def voices(self) -> Sequence[Voice]:
        """All voices, the default one first."""

    def voice(self, language: str) -> Voice:
        """The voice that speaks a language.

        Raises:
            LanguageInvalid: none does.
        """

    async def speak(self, utterance: Utterance) -> TelephoneAudio:
        """Say a text; the same text with the same voice and rate gives the same bytes.

        Raises:
            TextMissing: nothing in it can be said.
            TextTooLong: it would last too long.
            LanguageInvalid: no voice speaks its language.
            SpeechFailed: the engine cannot say this text.
            SpeechUnavailable: the engine cannot be reached, or stopped meanwhile.
        """


class Uploads(Protocol):
    """Makes telephone audio of files from outside."""

    @property
    def most_bytes(self) -> int:
        """The size of a file at most."""

    async def receive(self, data: bytes) -> Upload:
        """Decode, condition and encode one file. Raises AudioRefused (the subclass says why), AudioUnavailable."""


class Recordings(Protocol):
    """Each account's own recordings; equal audio is kept once."""

    async def keep(self, account_id: int, token: str, name: AudioName, upload: Upload) -> Recording:
        """Keep a new recording."""

    async def list(self, account_id: int, after: Place | None = None, most: int | None = None) -> Sequence[Recording]:
        """Read an account's recordings, oldest first, from after a place on."""

    async def find(self, account_id: int, token: str) -> Recording:
        """Read one recording. Raises NotFound, for another account's too."""

    async def rename(self, account_id: int, token: str, name: AudioName) -> Recording:
        """Change a recording's name. Raises NotFound."""

    async def delete(self, account_id: int, token: str) -> None:
        """Remove a recording. Raises NotFound."""

    async def audio(self, account_id: int, token: str) -> TelephoneAudio:
        """Read what calls play. Raises NotFound."""


class Waves(Protocol):
    """Writes telephone audio as WAV files."""

    def linear(self, audio: TelephoneAudio) -> bytes:
        """Write 16-bit linear samples, for people and tools."""

    def alaw(self, audio: TelephoneAudio) -> bytes:
        """Write the A-law bytes that calls play."""


@dataclass(frozen=True, slots=True)
class House:
    """Everything that a use case may reach.

    Args:
        entropy: gives so many random bytes, fit for secrets.
        pepper: a secret without which the digests of API keys cannot be made.
        unit_of_work: a house whose changes take effect together, or not at all.
    """

    clock: Clock
    entropy: Callable[[int], bytes]
    pepper: bytes
    accounts: Accounts
    keys: Keys
    ledger: Ledger
    tariffs: Tariffs
    recordings: Recordings
    uploads: Uploads
    speech: Speech
    waves: Waves
    unit_of_work: Callable[[], AbstractAsyncContextManager[House]]
