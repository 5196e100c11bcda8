"""Tariffs: imported, shown, assigned, and put together for one account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from portevoix.domain.account import parse_name
from portevoix.domain.errors import InvalidValue
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.tariff import RateTable
from portevoix.domain.tariff_file import parse_rates
from portevoix.ports import House

DEFAULT = "default"


async def import_tariff(house: House, name: str, text: str, effective_from: datetime | None = None) -> int:
    """Import a tariff file as a tariff's revision; returns the number of its rates.

    Args:
        name: a new tariff, or one that this revision carries on.
        text: the file.
        effective_from: the moment from which it counts; now, where none is given.

    Raises:
        TariffInvalid: every bad line; nothing is imported.
        AlreadyExists: the tariff has a revision of that moment.
    """
    rates = parse_rates(text)
    await house.tariffs.import_revision(parse_name(name), effective_from or house.clock.now(), rates)
    return len(rates)


async def show_tariff(house: House, name: str | None) -> RateTable:
    """Read the revision of a tariff in force now. Raises NotFound."""
    return await house.tariffs.in_force(None if name is None else parse_name(name))


async def list_tariffs(house: House) -> Sequence[tuple[str, bool, datetime, int]]:
    """List tariffs and their revisions."""
    return await house.tariffs.revisions()


async def assign_tariff(house: House, account: AccountRef, tariff: str | None) -> None:
    """Give an account its own tariff, in both modes; ``None`` for the default alone. Raises NotFound, InvalidValue."""
    if account.mode is not Mode.LIVE:
        raise InvalidValue("a tariff is for an account in both modes: name the account without /sandbox")
    await house.tariffs.assign(account.public_id, None if tariff is None else parse_name(tariff))
