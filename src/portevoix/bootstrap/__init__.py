"""The only place that chooses adapters, and puts the house together.

What a command needs is here; ``process`` has what a server needs beyond it, as its modules take a second to load.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from portevoix.bootstrap.background import in_background
from portevoix.bootstrap.house import Opened, SystemClock, house_of, open_house, pepper_of
from portevoix.bootstrap.studio import StudioFailure
from portevoix.settings import Settings
from portevoix.store import embedded
from portevoix.store.database import check_url
from portevoix.store.instance import PepperMismatch
from portevoix.store.migrate import MigrationBlocked, MigrationChanged, SchemaBehind, migrate, pending

__all__ = [
    "FAILURES",
    "Opened",
    "SystemClock",
    "database",
    "house_of",
    "in_background",
    "open_house",
    "pepper_of",
    "prepare",
    "prepare_or_refuse",
]

#: What keeps a house from being opened, beyond the domain's errors; each says what to do.
FAILURES = (
    StudioFailure,
    embedded.EmbeddedFailure,
    MigrationBlocked,
    MigrationChanged,
    PepperMismatch,
    SchemaBehind,
)


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Reach the database: the operator's, or the embedded one, started where it does not run.

    Yields:
        a connection string.

    Raises:
        EmbeddedFailure: the embedded server does not start.
        InvalidValue: an operator's connection string is none.
    """
    if settings.database_url:
        check_url(settings.database_url, "PORTEVOIX_DATABASE_URL")
        check_url(settings.past_pooler(settings.database_url), "PORTEVOIX_DATABASE_DIRECT_URL")
        yield settings.database_url
    else:
        with embedded.running(settings.data) as url:
            yield url


def prepare(settings: Settings, url: str) -> list[str]:
    """Bring the schema up to date, past a pooler; returns the migrations applied. Raises Unavailable."""
    return migrate(settings.past_pooler(url))


def prepare_or_refuse(settings: Settings, url: str) -> None:
    """Bring the embedded database's schema up to date; the operator's own is left to ``portevoix migrate``.

    Raises:
        SchemaBehind: the operator's database lacks migrations.
    """
    if not settings.database_url:
        migrate(url)
    elif missing := pending(settings.past_pooler(url)):
        raise SchemaBehind(f"the database lacks {', '.join(missing)}: run 'portevoix migrate' first")
