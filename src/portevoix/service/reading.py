"""What a customer reads of its account."""

from __future__ import annotations

from dataclasses import dataclass

from portevoix.domain.account import Access, is_secret
from portevoix.domain.errors import KeyUnknown
from portevoix.domain.tariff import Buys, buys
from portevoix.ports import House
from portevoix.service.keys import digest


@dataclass(frozen=True, slots=True)
class Credit:
    """An account's credit, and what it buys.

    Args:
        available_micros: neither held nor lapsed.
    """

    available_micros: int
    buys: Buys


async def find_access(house: House, secret: str) -> Access:
    """Look up an API key. Raises KeyUnknown, for a key that has expired or was revoked too."""
    access = await house.keys.access(digest(house.pepper, secret)) if is_secret(secret) else None
    if access is None:
        raise KeyUnknown("the API key is wrong")
    return access


async def read_credit(house: House, access: Access) -> Credit:
    """Tell the credit that a key leads to, and what it buys."""
    tariff = await house.tariffs.tariff(access.own_revision, access.default_revision)
    return Credit(access.available_micros, buys(tariff, access.available_micros))
