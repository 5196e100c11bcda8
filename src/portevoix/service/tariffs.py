"""Tariffs: imported, shown, assigned, and put together for one account."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from portevoix.domain.account import parse_name
from portevoix.domain.errors import InvalidValue, NotFound
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.tariff import Change, Draft, RateTable, changes
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


async def draft_tariff(house: House, name: str, text: str, effective_from: datetime | None) -> str:
    """Keep a tariff file until somebody has looked at what it would change; returns what it is called by.

    Args: as ``import_tariff``.

    Raises:
        TariffInvalid: every bad line; nothing is kept.
        InvalidValue: the name.
    """
    name = parse_name(name)
    await asyncio.to_thread(parse_rates, text)
    draft = Draft(house.entropy(16).hex(), name, effective_from, text)
    await house.tariffs.keep_draft(draft)
    return draft.id


async def compare_draft(house: House, draft: str) -> tuple[Draft, RateTable | None, int, Sequence[Change]]:
    """Tell what a file that waits would change.

    Returns:
        the file, the tariff's revision in force, the number of rates read, and each change.

    Raises:
        NotFound: it waits no more.
    """
    found = await house.tariffs.draft(draft)
    try:
        in_force = await house.tariffs.in_force(found.name)
    except NotFound:
        in_force = None
    rates = await asyncio.to_thread(parse_rates, found.file)
    return found, in_force, len(rates), changes(in_force.rates if in_force else (), rates)


async def import_draft(house: House, draft: str) -> Draft:
    """Import a file that waits, once. Raises NotFound, AlreadyExists."""
    async with house.unit_of_work() as together:
        found = await together.tariffs.take_draft(draft)
        await import_tariff(together, found.name, found.file, found.effective_from)
    return found


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
