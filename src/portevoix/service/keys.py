"""API keys: made, shown once, kept as digests, rotated and revoked."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from portevoix.domain.account import ApiKey, KeyTerms, parse_name, secret_hint, secret_text
from portevoix.domain.errors import InvalidValue
from portevoix.domain.ids import AccountRef, Mode, parse_public_id, public_id
from portevoix.ports import House

Alongside = Callable[[House], Awaitable[None]]
"""What is done in the same unit of work."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key; this is the only time that its secret is shown."""

    id: str
    secret: str


def digest(pepper: bytes, secret: str) -> bytes:
    """Digest a key's secret. It has 256 bits of its own, so a fast hash is safe; the pepper guards a stolen table."""
    return hmac.digest(pepper, secret.encode(), "sha256")


async def make_key(house: House, account_id: int, mode: Mode, terms: KeyTerms) -> NewKey:
    """Make a key for a ledger account."""
    secret = secret_text(mode, house.entropy(32))
    key = public_id("key", house.entropy(12))
    await house.keys.create(key, account_id, digest(house.pepper, secret), secret_hint(secret), terms)
    return NewKey(key, secret)


async def create_key(house: House, account: AccountRef, terms: KeyTerms) -> NewKey:
    """Make a key for an account, live or sandbox.

    Raises:
        NotFound: the account.
        InvalidValue: the name, or an expiry that has passed.
    """
    terms = replace(terms, name=parse_name(terms.name))
    if terms.expires_at is not None and terms.expires_at <= house.clock.now():
        raise InvalidValue("the key would have expired already")
    found = await house.accounts.find(account)
    return await make_key(house, found.id, account.mode, terms)


async def list_keys(house: House, account: str) -> Sequence[ApiKey]:
    """Read an account's keys, of both modes. Raises NotFound."""
    await house.accounts.find(AccountRef(account))
    return await house.keys.list(account)


async def revoke_key(house: House, key: str) -> None:
    """End a key at once. Raises NotFound."""
    await house.keys.revoke(parse_public_id(key, "key"))


async def rotate_key(house: House, key: str, grace: timedelta, alongside: Alongside | None = None) -> NewKey:
    """Make a key's successor with the same terms; both are valid for the grace time.

    Args:
        alongside: what else is done in the unit of work, before; what it raises undoes all.

    Raises:
        NotFound: no such key, or it is not valid any more.
    """
    async with house.unit_of_work() as together:
        if alongside is not None:
            await alongside(together)
        account_id, terms = await together.keys.expire(parse_public_id(key, "key"), house.clock.now() + grace)
        (old,) = await together.keys.list(key=key)
        return await make_key(together, account_id, old.account.mode, terms)
