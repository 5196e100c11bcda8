"""People who use the console: invited, signed in, signed out."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from hashlib import sha256

import pyotp

from portevoix.domain.ids import AccountRef, public_id
from portevoix.domain.mail import EmailAddress, EmailInvalid
from portevoix.domain.person import (
    INVITATION_LIFE,
    CodeRefused,
    InvitationInvalid,
    Person,
    Role,
    Session,
    SignedOut,
    SignInRefused,
    parse_password,
)
from portevoix.ports import House
from portevoix.service.passwords import hash_password, is_password

ISSUER = "Portevoix"
STEP_S = 30


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session, and the token that stands for it: this is the only time that it is shown."""

    session: Session
    token: str


async def add_person(
    house: House, email: str, role: Role, account: str | None, person: str | None = None
) -> tuple[Person, str]:
    """Let somebody use the console; returns the token of a link that is good once, for two days.

    Args:
        account: public id of whose pages these are; ``None`` for an operator.
        person: the public id, where somebody has made one beforehand.

    Raises:
        EmailInvalid: the address.
        AlreadyExists: somebody has it.
        NotFound: the account.
    """
    address = EmailAddress.parse(email)
    if account is not None:
        await house.accounts.find(AccountRef(account))
    async with house.unit_of_work() as together:
        created = await together.people.create(person or new_person_id(house), address, role, account)
        return created, await invite(together, created)


def new_person_id(house: House) -> str:
    """Make a public id for somebody who is about to be let in."""
    return public_id("user", house.entropy(12))


async def invite(house: House, person: Person) -> str:
    """Make a link by which somebody chooses a password, in place of any before; returns its token."""
    token = _token(house)
    await house.people.invite(person.id, _digest(token), house.clock.now() + INVITATION_LIFE)
    return token


async def find_invited(house: House, token: str) -> Person:
    """Read whom a link was made for. Raises InvitationInvalid."""
    person = await house.people.invited(_digest(token))
    if person is None:
        raise InvitationInvalid("the link was used, or has expired")
    return person


async def accept(house: House, token: str, password: str) -> SignedIn | None:
    """Take a link: keep the password that was chosen, and sign in, but for somebody who is asked for codes.

    Raises:
        InvitationInvalid, PasswordRefused.
    """
    person = await find_invited(house, token)
    password_hash = await hash_password(parse_password(password, person.email))
    async with house.unit_of_work() as together:
        if await together.people.take_invitation(_digest(token)) is None:
            raise InvitationInvalid("somebody else has used the link")
        await together.people.set_password(person.id, password_hash)
        return None if person.is_totp_on else await _open(together, person)


async def sign_in(house: House, email: str, password: str, code: str) -> SignedIn:
    """Sign somebody in, in a session of its own.

    Args:
        code: the one-time code; empty where the person has none.

    Raises:
        SignInRefused: something of it is wrong.
    """
    try:
        found = await house.people.by_email(EmailAddress.parse(email))
    except EmailInvalid:
        found = None
    person, password_hash = found or (None, None)
    is_right = await is_password(password, password_hash)
    if person is None or not is_right or person.is_disabled or not await _passes(house, person, code):
        raise SignInRefused("e-mail, password and code do not belong together")
    return await _open(house, person, password_hash)


async def find_session(house: House, token: str) -> tuple[Session, str | None]:
    """Read the session that a token stands for; with it, where it was due, a new token. Raises SignedOut."""
    digest = _digest(token)
    session = await house.sessions.find(digest) if token else None
    if session is None:
        raise SignedOut("nobody is signed in")
    if not session.wants_new_token(house.clock.now()):
        return session, None
    fresh = _token(house)
    return session, fresh if await house.sessions.rotate(session.id, _digest(fresh), digest) else None


async def change_password(house: House, person: Person, now: str, password: str) -> SignedIn:
    """Change a password; every session of the person ends, and a new one begins.

    Raises:
        SignInRefused: ``now`` is not the password.
        PasswordRefused: the new one will not do.
    """
    found = await house.people.by_email(person.email)
    if not await is_password(now, found[1] if found else None):
        raise SignInRefused("that is not the password")
    password_hash = await hash_password(parse_password(password, person.email))
    async with house.unit_of_work() as together:
        await together.people.set_password(person.id, password_hash)
        return await _open(together, person)


def totp_secret(house: House, person: Person, generation: int) -> str:
    """Tell the secret of a person's one-time codes, in base 32: derived, kept nowhere."""
    digest = hmac.digest(house.pepper, f"totp:{person.id}:{generation}".encode(), "sha256")
    return base64.b32encode(digest[:20]).decode("ascii")


def totp_address(house: House, person: Person, generation: int) -> str:
    """Write the address that an authenticator reads from a QR code."""
    secret = totp_secret(house, person, generation)
    return pyotp.TOTP(secret).provisioning_uri(name=person.email.text, issuer_name=ISSUER)


async def ask_for_codes(house: House, person: Person, code: str) -> None:
    """Ask for one-time codes from now on, once one of the next secret has shown that it was taken.

    Raises:
        CodeRefused.
    """
    generation = person.totp_generation + 1
    if not await _takes(house, person, generation, code):
        raise CodeRefused("the code is wrong")
    await house.people.set_totp(person.id, generation, is_on=True)


async def ask_for_none(house: House, person: Person, code: str) -> None:
    """Ask for no one-time codes any more. Raises CodeRefused."""
    if not await _takes(house, person, person.totp_generation, code):
        raise CodeRefused("the code is wrong")
    await house.people.set_totp(person.id, person.totp_generation, is_on=False)


async def reset_codes(house: House, person: Person) -> None:
    """Ask for no one-time codes of somebody who has lost what makes them."""
    await house.people.set_totp(person.id, person.totp_generation, is_on=False)


def form_guard(house: House, session: Session) -> str:
    """Make what forms of a session bear, so that no other site can send them (CSRF)."""
    return hmac.digest(house.pepper, b"form:" + session.salt, "sha256").hex()


async def _passes(house: House, person: Person, code: str) -> bool:
    return not person.is_totp_on or await _takes(house, person, person.totp_generation, code)


async def _takes(house: House, person: Person, generation: int, code: str) -> bool:
    """Take a code: of this time step, the last or the next, and none as late was taken before (RFC 6238, 5.2)."""
    totp = pyotp.TOTP(totp_secret(house, person, generation))
    now = house.clock.now()
    said = "".join(code.split())
    for counter in (int(now.timestamp()) // STEP_S + step for step in (0, -1, 1)):
        if hmac.compare_digest(totp.generate_otp(counter).encode(), said.encode()):
            return await house.people.use_code(person.id, counter)
    return False


async def _open(house: House, person: Person, password_hash: str | None = None) -> SignedIn:
    token = _token(house)
    return SignedIn(await house.sessions.open(person.id, _digest(token), house.entropy(32), password_hash), token)


def _token(house: House) -> str:
    return base64.urlsafe_b64encode(house.entropy(32)).decode("ascii").rstrip("=")


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
