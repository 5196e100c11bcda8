"""Trunks and routes in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from portevoix.domain.errors import AlreadyExists, NotFound
from portevoix.domain.number import Number
from portevoix.domain.routing import Heard, Hours, Resting, Route, Serves
from portevoix.domain.safety import KEPT, Use
from portevoix.domain.trunk import CallerId, Credentials, DialTemplate, Engine, NumberFormat, Server, Trunk
from portevoix.ports import Clock, Room, TrunkSight
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("trunks")

TRUNK_COLUMNS = 13


class PostgresTrunks:
    """The ``Trunks`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, trunk: Trunk) -> Trunk:
        """Keep a trunk; returns it with its number."""
        caller, known = trunk.caller_id, trunk.credentials
        values = {
            "name": trunk.name,
            "engine": trunk.engine,
            "server": str(trunk.server),
            "username": known.username if known else None,
            "password": known.password if known else None,
            "registers": trunk.registers,
            "caller_id": caller.number.digits if caller.number else None,
            "callers_allowed": list(caller.allowed),
            "number_format": caller.format,
            "is_asserted": caller.is_asserted,
            "calls_max": trunk.calls_max,
            "calls_per_s": trunk.calls_per_s,
            "at": self._clock.now(),
        }
        if not await self._rows("add_trunk", values):
            raise AlreadyExists(f"there is a trunk {trunk.name} already")
        return next(one.trunk for one in await self.all() if one.trunk.name == trunk.name)

    async def all(self) -> Sequence[TrunkSight]:
        """Read the trunks, by name."""
        rows = await self._rows("trunks", {})
        return [TrunkSight(_trunk(row[:TRUNK_COLUMNS]), row[-1], row[-2]) for row in rows]

    async def remove(self, name: str) -> None:
        """Remove a trunk and its routes."""
        if not await self._rows("remove_trunk", {"name": name}):
            raise NotFound(f"there is no trunk {name}")

    async def add_route(self, route: Route) -> None:
        """Keep a route."""
        values = {
            "name": route.name,
            "trunk": route.trunk.id,
            "prefix": route.prefix,
            "serves": route.serves,
            "priority": route.priority,
            "weight": route.weight,
            "dial": str(route.dial),
            "hours": str(route.hours),
            "price_micros": route.price_micros,
            "at": self._clock.now(),
        }
        if not await self._rows("add_route", values):
            raise AlreadyExists(f"there is a route {route.name} already: give this one a --name of its own")

    async def routes(self) -> Sequence[Route]:
        """Read the routes, by prefix."""
        return [_route(row) for row in await self._rows("routes", {})]

    async def remove_route(self, name: str) -> None:
        """Remove a route."""
        if not await self._rows("remove_route", {"name": name}):
            raise NotFound(f"there is no route {name}")

    async def rooms(self) -> Sequence[Room]:
        """Tell how many calls may begin over each trunk that is not down."""
        rows = await self._rows("rooms", {"at": self._clock.now(), "trunks": None})
        return [Room(trunk, Engine(engine), *rest) for trunk, engine, *rest in rows]

    async def reachable(self, trunk_id: int, down_until: datetime | None) -> None:
        """Note whether a trunk answers."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["reachable"], {"trunk": trunk_id, "down_until": down_until})

    async def heard(self, heard: Sequence[Heard], resting: Resting) -> None:
        """Note how attempts over routes have ended."""
        values = {
            "routes": [one.route for one in heard],
            "failures": [one.failures for one in heard],
            "recovered": [one.recovered for one in heard],
            "most": resting.failures,
            "first_s": resting.first_s,
            "longest_s": resting.longest_s,
            "at": self._clock.now(),
        }
        async with self._database.connection() as connection:
            await connection.execute(SQL["heard"], values)

    async def use(self, account_id: int, uses: Sequence[Use]) -> Sequence[Use]:
        """Count what an account sends; returns its spans with it."""
        values = {
            "account_id": account_id,
            "prefixes": [one.prefix for one in uses],
            "spans": [one.span for one in uses],
            "since": [one.since for one in uses],
            "calls": [one.calls for one in uses],
            "micros": [one.micros for one in uses],
        }
        return [Use(*row) for row in await self._rows("use", values)]

    async def alarms(self, most: int) -> Sequence[tuple[int, int]]:
        """Record an event for accounts that send so many calls within an hour."""
        rows = await self._rows("alarms", {"at": self._clock.now(), "most": most})
        return [(account, calls) for account, calls in rows]

    async def forget(self) -> None:
        """Drop what accounts sent days ago."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["forget"], {"before": self._clock.now() - KEPT})

    async def _rows(self, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        async with self._database.connection() as connection:
            return await (await connection.execute(SQL[query], values)).fetchall()


def _trunk(row: tuple[Any, ...]) -> Trunk:
    number, name, engine, server, username, password, registers, *rest = row
    caller_id, allowed, written, is_asserted, calls_max, calls_per_s = rest
    caller = Number.parse(f"+{caller_id}") if caller_id else None
    return Trunk(
        id=number,
        name=name,
        engine=Engine(engine),
        server=Server.parse(server),
        credentials=None if username is None else Credentials(username, password),
        registers=registers,
        caller_id=CallerId(caller, tuple(allowed), NumberFormat(written), is_asserted),
        calls_max=calls_max,
        calls_per_s=calls_per_s,
    )


def _route(row: tuple[Any, ...]) -> Route:
    name, prefix, serves, priority, weight, dial, hours, price_micros, down_until = row[TRUNK_COLUMNS:]
    return Route(
        name=name,
        trunk=_trunk(row[:TRUNK_COLUMNS]),
        prefix=prefix,
        serves=Serves(serves),
        priority=priority,
        weight=weight,
        dial=DialTemplate(dial),
        hours=Hours(hours),
        price_micros=price_micros,
        down_until=down_until,
    )
