"""What the commands on the server's data share: settings, the house, errors, and two ways to print."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import structlog

from portevoix import bootstrap, logs
from portevoix.domain.archive import Month
from portevoix.domain.errors import DomainError
from portevoix.domain.ids import AccountRef
from portevoix.domain.money import parse_euros
from portevoix.settings import Settings, unknown

Parsed = TypeVar("Parsed")

CONNECTIONS = 2

log = structlog.get_logger(__name__)


class Euros(click.ParamType[int]):
    """A sum in euros, parsed to micro-euros."""

    name = "euros"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse the sum; a default is one already."""
        return value if isinstance(value, int) else _parsed(self, parse_euros, str(value), param, ctx)


class Account(click.ParamType[AccountRef]):
    """An account: ``acct_…``, or ``acct_…/sandbox`` for its sandbox twin."""

    name = "account"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> AccountRef:
        """Parse the account."""
        return value if isinstance(value, AccountRef) else _parsed(self, AccountRef.parse, str(value), param, ctx)


class Moment(click.ParamType[datetime]):
    """A moment in ISO 8601; one without a time zone is in UTC."""

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse the moment."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"not a moment: {value!r} (write 2026-12-31 or 2026-12-31T18:00+01:00)", param, ctx)


class MonthOf(click.ParamType[Month]):
    """A month: ``2026-05``."""

    name = "month"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        """Parse the month."""
        return value if isinstance(value, Month) else _parsed(self, Month.parse, str(value), param, ctx)


EUROS = Euros()
ACCOUNT = Account()
MOMENT = Moment()
MONTH = MonthOf()

data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="The data folder [PORTEVOIX_DATA, default ./var]."
)
idempotency_option = click.option(
    "--idempotency-key", default=None, help="A repeat of the command with the same key changes nothing more."
)


def read_settings(**flags: object) -> Settings:
    """Read the settings of this process; what is wrong with them ends the command."""
    with told_errors():
        settings = Settings.read(os.environ, **flags)
    logs.set_up(settings.log_level, settings.log_format)
    for name in unknown(os.environ):
        log.warning("setting_unknown", name=name)
    return settings


def on_house(run: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a command's coroutine on the house of its data folder, and tell its refusals as errors."""

    @data_option
    @functools.wraps(run)
    def command(data: Path | None, **given: object) -> None:
        settings = read_settings(data=data)

        async def within(url: str) -> None:
            async with bootstrap.house_of(settings, url, connections=CONNECTIONS) as opened:
                await run(opened.house, **given)

        with told_errors(), bootstrap.database(settings) as url:
            bootstrap.prepare_or_refuse(settings, url)
            asyncio.run(within(url))

    return command


@contextmanager
def told_errors() -> Iterator[None]:
    """End the command with the message of what was refused; exit code 1."""
    try:
        yield
    except DomainError as error:
        raise click.ClickException(error.message) from error
    except bootstrap.FAILURES as failure:
        raise click.ClickException(str(failure)) from failure
    except OSError as problem:  # a data folder that is a file, a full disk
        raise click.ClickException(f"{problem.strerror or problem}: {problem.filename or ''}".rstrip(": ")) from problem


def idempotency_key_of(given: str | None) -> str:
    """Return the key that a command was given, or make one."""
    return f"cli-{os.urandom(12).hex()}" if given is None else given


def _parsed(
    kind: click.ParamType[Any],
    parse: Callable[[str], Parsed],
    text: str,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> Parsed:
    try:
        return parse(text)
    except DomainError as error:
        kind.fail(error.message, param, ctx)
