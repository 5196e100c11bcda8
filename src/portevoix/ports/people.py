"""People who use the console, their sessions, and what they did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from portevoix.domain.draft import Draft
from portevoix.domain.ids import AccountRef
from portevoix.domain.mail import EmailAddress
from portevoix.domain.person import Deed, Language, Person, Role, Session


class People(Protocol):
    """People and their proofs."""

    async def create(self, public_id: str, email: EmailAddress, role: Role, account: str | None) -> Person:
        """Keep a new person. Raises AlreadyExists (the address), NotFound (the account)."""

    async def find(self, person: str) -> Person:
        """Read one person by public id. Raises NotFound."""

    async def by_email(self, email: EmailAddress) -> tuple[Person, str | None] | None:
        """Read one person and the password's hash, whatever the address's case."""

    async def list(self, account: str | None = None) -> Sequence[Person]:
        """Read the people of an account, or all, by address."""

    async def set_password(self, person_id: int, password_hash: str) -> None:
        """Keep another password; every session and invitation of the person ends."""

    async def set_language(self, person_id: int, language: Language) -> None:
        """Keep the language that was chosen."""

    async def set_role(self, person_id: int, role: Role) -> None:
        """Let somebody of an account change things, or see them alone. Raises NotFound, for an operator too."""

    async def set_totp(self, person_id: int, generation: int, *, is_on: bool) -> None:
        """Keep whether codes are asked for, and of which secret."""

    async def use_code(self, person_id: int, counter: int) -> bool:
        """Take a one-time code by the number of its time step; tells whether none as late was taken before."""

    async def set_disabled(self, person_id: int, *, is_disabled: bool) -> None:
        """Shut a person out, whose sessions end, or let it in again."""

    async def invite(self, person_id: int, digest: bytes, expires_at: datetime) -> None:
        """Keep a link, in place of any before."""

    async def invited(self, digest: bytes) -> Person | None:
        """Read whom a link that is still good was made for."""

    async def take_invitation(self, digest: bytes) -> int | None:
        """Take a link that is still good, once: returns whom it was made for."""


class Sessions(Protocol):
    """Who is signed in, known by the digest of a token."""

    async def open(self, person_id: int, digest: bytes, salt: bytes, password_hash: str | None = None) -> Session:
        """Begin a session.

        Args:
            password_hash: of the password that was checked; ``None`` where none was.

        Raises:
            SignInRefused: the password is another one by now, or the person is shut out.
        """

    async def find(self, digest: bytes) -> Session | None:
        """Read a session that is not over, and note that it is used."""

    async def rotate(self, session_id: int, digest: bytes, instead_of: bytes) -> bool:
        """Let a token take another's place; tells whether that one still stood for the session."""

    async def close(self, session_id: int) -> None:
        """End a session."""

    async def sweep(self) -> None:
        """Forget sessions and invitations that are over."""


class Deeds(Protocol):
    """What was done in the console."""

    async def begin(
        self,
        who: str,
        person_id: int | None,
        account: AccountRef | None,
        action: str,
        subject: str,
        address: str | None,
    ) -> int:
        """Note what is about to be done; returns its number."""

    async def end(self, deed: int, outcome: str) -> None:
        """Note how it ended."""

    async def newest(self, before: int | None, most: int, account: str | None = None) -> Sequence[Deed]:
        """Read what was done, of one account or all, the newest first."""


class Drafts(Protocol):
    """Messages that people write in the console, for a day."""

    async def keep(self, account_id: int, person_id: int, draft: Draft) -> None:
        """Keep a draft as it is now; the person's oldest go where there are too many. Raises DraftSent."""

    async def find(self, account_id: int, person_id: int, draft: str) -> Draft:
        """Read a draft. Raises DraftNotFound, for another's too."""

    async def sent(self, account_id: int, person_id: int, draft: str, campaign: str) -> bool:
        """Note what a draft was sent as, in the unit of work that sends; tells whether it had not been sent."""

    async def sweep(self) -> None:
        """Forget drafts that nobody has touched for long."""
