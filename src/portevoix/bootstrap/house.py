"""The house, put together on a database: every adapter behind its port."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from portevoix.bootstrap.background import in_background
from portevoix.bootstrap.policy import POLICY, policy_of
from portevoix.bootstrap.studio import AudioAdapters, Studio, open_studio, studio_of
from portevoix.ports import Clock, House, Policy
from portevoix.settings import Settings
from portevoix.store.accounts import PostgresAccounts
from portevoix.store.answers import PostgresAnswers
from portevoix.store.archive import PostgresArchive
from portevoix.store.calls import PostgresCalls
from portevoix.store.campaigns import PostgresCampaigns
from portevoix.store.chores import PostgresChores
from portevoix.store.clock import DatabaseClock
from portevoix.store.database import (
    AUTOCOMMIT,
    NEVER_PREPARED,
    POOLED,
    Database,
    open_pool,
    see_whether_sessions_are_set,
)
from portevoix.store.drafts import PostgresDrafts
from portevoix.store.exchanges import PostgresExchanges
from portevoix.store.instance import agree_on_pepper, count_events_anew
from portevoix.store.keys import PostgresKeys
from portevoix.store.ledger import PostgresLedger
from portevoix.store.limits import SharedLimits
from portevoix.store.nodes import PostgresNodes
from portevoix.store.notices import PostgresNotices
from portevoix.store.people import PostgresPeople
from portevoix.store.recordings import PostgresRecordings
from portevoix.store.restoring import PostgresRestoring
from portevoix.store.sandboxes import PostgresSandboxes
from portevoix.store.sessions import PostgresDeeds, PostgresSessions
from portevoix.store.signals import PostgresSignals
from portevoix.store.tariffs import KeptTariffs, PostgresTariffs
from portevoix.store.trunks import PostgresTrunks

CONNECTIONS_A_WORKER = 8


class SystemClock:
    """The ``Clock`` port on the machine's clock, where there is no database."""

    def now(self) -> datetime:
        """Return the moment, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Opened:
    """A house, and those of its adapters that a server looks after.

    Args:
        database: where everything is.
    """

    house: House
    database: Database
    keys: PostgresKeys
    recordings: PostgresRecordings
    answers: PostgresAnswers
    signals: PostgresSignals
    limits: SharedLimits


@asynccontextmanager
async def open_house(
    url: str,
    pepper: bytes,
    *,
    clock: Clock | None = None,
    connections: int = CONNECTIONS_A_WORKER,
    direct_url: str | None = None,
    prepares: bool = True,
    studio: Studio | None = None,
    policy: Policy = POLICY,
    seed: int = 0,
) -> AsyncIterator[Opened]:
    """Open the house on a database whose schema is up to date.

    Args:
        url: a connection string.
        pepper: the secret that API keys are digested with.
        clock: tells the time; the database's, where none is given.
        connections: how many to the database, at most.
        direct_url: the way past a pooler in transaction mode, where ``url`` leads to one.
        prepares: whether statements are prepared.
        studio: how audio and speech are made; as by default, where none is given.
        policy: what the operator has set for sending.
        seed: what the simulated phones of 80 to 89 choose by.

    Raises:
        Unavailable: the database cannot be reached.
        PepperMismatch: its keys were made with another pepper.
    """
    clock = clock or DatabaseClock()
    session = {**(POOLED if direct_url else AUTOCOMMIT), **({} if prepares else NEVER_PREPARED)}
    async with AsyncExitStack() as stack:
        audio = await stack.enter_async_context(open_studio(studio or Studio()))
        pool = await stack.enter_async_context(open_pool(url, smallest=1, largest=connections, session=session))
        store = Database(pool)
        if direct_url:
            await see_whether_sessions_are_set(store)
        if isinstance(clock, DatabaseClock):
            await clock.ask(store)
            await stack.enter_async_context(in_background(clock.follow(store)))
        await agree_on_pepper(store, pepper)
        await count_events_anew(store)
        await PostgresRestoring(store, clock).look()
        keys = PostgresKeys(store, clock)
        recordings = PostgresRecordings(store, clock)
        signals = PostgresSignals(direct_url or url)
        calls = PostgresCalls(store, clock)
        rest = _Rest(audio, pepper, clock, signals, policy, seed)
        house = _house(store, keys, recordings, calls, rest)
        yield Opened(house, store, keys, recordings, PostgresAnswers(store, clock), signals, SharedLimits(store, clock))


def house_of(
    settings: Settings, url: str, *, clock: Clock | None = None, connections: int = CONNECTIONS_A_WORKER
) -> AbstractAsyncContextManager[Opened]:
    """Open the house as the settings say. Raises as ``open_house`` does, and StudioFailure."""
    return open_house(
        url,
        pepper_of(settings),
        clock=clock,
        connections=connections,
        direct_url=settings.database_direct_url,
        prepares=settings.prepares,
        studio=studio_of(settings),
        policy=policy_of(settings),
        seed=settings.simulator_seed,
    )


@dataclass(frozen=True, slots=True)
class _Rest:
    """What a house and its units of work share."""

    audio: AudioAdapters
    pepper: bytes
    clock: Clock
    signals: PostgresSignals
    policy: Policy
    seed: int
    tariffs: KeptTariffs = field(default_factory=dict)


def _house(
    store: Database, keys: PostgresKeys, recordings: PostgresRecordings, calls: PostgresCalls, rest: _Rest
) -> House:
    clock = rest.clock

    @asynccontextmanager
    async def unit_of_work() -> AsyncIterator[House]:
        async with store.unit_of_work() as joined:
            stores = PostgresKeys(joined, clock), PostgresRecordings(joined, clock), PostgresCalls(joined, clock)
            yield _house(joined, *stores, rest)

    return House(
        clock=clock,
        entropy=secrets.token_bytes,
        pepper=rest.pepper,
        accounts=PostgresAccounts(store, clock),
        keys=keys,
        ledger=PostgresLedger(store, clock),
        tariffs=PostgresTariffs(store, clock, rest.tariffs),
        recordings=recordings,
        uploads=rest.audio.uploads,
        speech=rest.audio.speech,
        waves=rest.audio.waves,
        campaigns=PostgresCampaigns(store, clock),
        calls=calls,
        notices=PostgresNotices(store, clock),
        answers=PostgresAnswers(store, clock),
        sandboxes=PostgresSandboxes(store, clock, rest.seed),
        trunks=PostgresTrunks(store, clock),
        people=PostgresPeople(store, clock),
        sessions=PostgresSessions(store, clock),
        deeds=PostgresDeeds(store, clock),
        drafts=PostgresDrafts(store, clock),
        exchanges=PostgresExchanges(store, clock),
        nodes=PostgresNodes(store, clock),
        archive=PostgresArchive(store, clock),
        restoring=PostgresRestoring(store, clock),
        chores=PostgresChores(store, clock),
        signals=rest.signals,
        policy=rest.policy,
        unit_of_work=unit_of_work,
    )


def pepper_of(settings: Settings) -> bytes:
    """Return the secret that API keys are digested with: the operator's, or one made once in the data folder."""
    if settings.key_pepper:
        return settings.key_pepper.encode()
    path = settings.data / "key.pepper"
    settings.data.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        _write_once(path, secrets.token_hex(32))
    return path.read_text(encoding="ascii").encode()


def _write_once(path: Path, text: str) -> None:
    """Write a secret where there is none yet; whole, even if several processes try or one is killed."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(aside, path)
    finally:
        aside.unlink()
