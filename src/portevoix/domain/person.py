"""People who use the console: who they are, what they may see and do, how they prove it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from portevoix.domain.account import Scope
from portevoix.domain.errors import DomainError, InvalidValue
from portevoix.domain.mail import EmailAddress

FEWEST_PASSWORD_CHARACTERS = 12
MOST_PASSWORD_CHARACTERS = 200

SESSION_IDLE = timedelta(hours=12)
"""A session that nobody uses for so long is over."""
SESSION_LIFE = timedelta(days=7)
"""A session is over after so long, however much it is used."""
TOKEN_LIFE = timedelta(hours=1)
"""How long one token stands for a session before another takes its place."""
TOKEN_GRACE = timedelta(minutes=1)
"""How long a token is still good once another has taken its place."""
INVITATION_LIFE = timedelta(days=2)


class Role(StrEnum):
    """What a person may see and do."""

    OPERATOR = "operator"  # every account, and what belongs to none
    MANAGER = "manager"  # all of one account
    VIEWER = "viewer"  # one account, without changing anything


class Language(StrEnum):
    """What the console speaks."""

    FR = "fr"
    EN = "en"


class SignInRefused(DomainError):
    """E-mail, password and code do not belong together; nobody is told which of them is wrong."""

    code = "sign_in_refused"


class SignedOut(DomainError):
    """Nobody is signed in, or not any more."""

    code = "signed_out"


class RoleRefused(DomainError):
    """The person may not do this."""

    code = "role_refused"


class PasswordRefused(InvalidValue):
    """A password that is too short, too long, or the person's own address."""

    code = "password_refused"


class CodeRefused(InvalidValue):
    """A one-time code that is wrong, or was used before."""

    code = "code_refused"


class InvitationInvalid(DomainError):
    """A link that was used, has expired, or never was one."""

    code = "invitation_invalid"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who uses the console.

    Args:
        account: whose pages these are; ``None`` for an operator, who has all.
        language: the one that was chosen; ``None`` for the browser's.
        has_password: whether the invitation was taken.
        totp_generation: numbers the secrets of one-time codes, which are derived and kept nowhere.
        is_totp_on: whether a code is asked for at sign-in.
    """

    id: int
    public_id: str
    email: EmailAddress
    role: Role
    account: str | None
    language: Language | None
    has_password: bool
    totp_generation: int
    is_totp_on: bool
    is_disabled: bool
    created_at: datetime

    def may_see(self, account: str) -> bool:
        """Tell whether an account's pages are the person's."""
        return self.role is Role.OPERATOR or self.account == account

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the person may do with an account that is its own."""
        return frozenset({Scope.READ}) if self.role is Role.VIEWER else frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in.

    Args:
        salt: of its own; the guard against forged forms is derived from it.
    """

    id: int
    person: Person
    salt: bytes
    created_at: datetime
    rotated_at: datetime

    def wants_new_token(self, now: datetime) -> bool:
        """Tell whether the token has stood for the session long enough."""
        return now - self.rotated_at >= TOKEN_LIFE


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done in the console.

    Args:
        who: the person's address; the one that was given, where nobody is signed in.
        account: public id and mode, of the account that it was done to.
        subject: what it was done to: ids, never contents.
        outcome: ``done``, a refusal's code, or ``None`` where the server was stopped in the middle.
    """

    id: int
    at: datetime
    who: str
    account: str | None
    action: str
    subject: str
    address: str | None
    outcome: str | None


def parse_password(text: str, email: EmailAddress) -> str:
    """Check a new password: 12 to 200 characters of any kind, not the address itself (NIST SP 800-63B, 3.1.1.2).

    Raises:
        PasswordRefused.
    """
    if not FEWEST_PASSWORD_CHARACTERS <= len(text) <= MOST_PASSWORD_CHARACTERS:
        raise PasswordRefused(f"a password has {FEWEST_PASSWORD_CHARACTERS} to {MOST_PASSWORD_CHARACTERS} characters")
    if len(set(text)) < 5 or text.casefold() in (email.text.casefold(), email.text.rpartition("@")[0].casefold()):
        raise PasswordRefused("a password that is easy to guess")
    return text
