"""Passwords: hashed by argon2id, away from the event loop."""

from __future__ import annotations

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: RFC 9106's second recommended setting: 64 MiB, three passes, four lanes.
_HASHER = PasswordHasher()

#: Each takes 64 MiB: so many at once, and the others wait.
_AT_ONCE = asyncio.Semaphore(2)


async def hash_password(password: str) -> str:
    """Hash a password, with a salt of its own."""
    async with _AT_ONCE:
        return await asyncio.to_thread(_HASHER.hash, password)


async def is_password(password: str, password_hash: str | None) -> bool:
    """Tell whether it is the password of a hash; without one it takes as long, and is not."""
    async with _AT_ONCE:
        is_right = await asyncio.to_thread(_verify, password, password_hash)
    return is_right and password_hash is not None


def _verify(password: str, password_hash: str | None) -> bool:
    try:
        return _HASHER.verify(password_hash or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _HASHER.hash("nobody's password")
