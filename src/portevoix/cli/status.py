"""portevoix status: how the service fares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import click

from portevoix.cli.printing import json_option, print_json, print_table
from portevoix.cli.session import on_house
from portevoix.ports import House
from portevoix.service.status import Finding, Status, findings, look


@click.command(name="status")
@json_option
@on_house
async def command(house: House, as_json: bool) -> None:
    """Tell how the service fares, what is wrong with it and what to do; exit code 1 where something is."""
    status = await look(house)
    found = findings(status)
    if as_json:
        print_json(_plain(status, found))
    else:
        _print(status, found)
    if any(one.is_fault for one in found):
        raise SystemExit(1)


def _print(status: Status, found: Sequence[Finding]) -> None:
    for title, rows in _tables(status).items():
        click.echo(f"{title}:")
        if rows:
            print_table(tuple(name.replace("_", " ") for name in rows[0]), [tuple(row.values()) for row in rows])
        else:
            click.echo("none")
        click.echo()
    for one in found:
        click.echo(f"{'WRONG' if one.is_fault else 'note'}: {one.what}; {one.do}")
    if not found:
        click.echo("all is well")


def _tables(status: Status) -> dict[str, list[dict[str, object]]]:
    plain = _plain(status, ())
    queues, database = plain["queues"], plain["database"]
    replicas = database.pop("replicas")
    return {
        "nodes": [
            {
                "process": node["name"],
                "role": node["role"],
                "version": node["version"] or "older",
                "state": "alive" if node["is_alive"] else "silent",
                "started": _moment(node["started_at"]),
                "seen": _ago(node["seen_s_ago"]),
                "calls": node["under_way"],
            }
            for node in plain["nodes"]
        ],
        "queues": [{**queues, "oldest_due_at": _moment(queues["oldest_due_at"])}],
        "trunks": [
            {
                **trunk,
                "state": "up" if trunk["down_until"] is None else "down",
                "down_until": _moment(trunk["down_until"]),
            }
            for trunk in plain["trunks"]
        ],
        "routes": [
            {
                **route,
                "state": "up" if route["down_until"] is None else "rests",
                "down_until": _moment(route["down_until"]),
            }
            for route in plain["routes"]
        ],
        "chores": [
            {
                "chore": chore["name"],
                "last ended": _moment(chore["ended_at"]),
                "next": _moment(chore["due_at"]),
                "by": chore["taker"],
                "fault": chore["fault"],
            }
            for chore in plain["chores"]
        ],
        "database": [database],
        "replicas": replicas,
    }


def _plain(status: Status, found: Sequence[Finding]) -> dict[str, Any]:
    """Write a status as JSON has it."""
    at, queues = status.at, status.queues
    return {
        "at": at,
        "nodes": [{**asdict(node), "seen_s_ago": _since(node.seen_at, at)} for node in status.nodes],
        "queues": {**asdict(queues), "lag_s": _since(queues.oldest_due_at, at) or 0.0},
        "trunks": [
            {
                "name": sight.trunk.name,
                "engine": sight.trunk.engine,
                "down_until": _still(sight.down_until, at),
                "under_way": sight.under_way,
                "calls_max": sight.trunk.calls_max,
                "calls_per_s": sight.trunk.calls_per_s,
            }
            for sight in status.trunks
        ],
        "routes": [
            {
                "name": route.name,
                "prefix": route.prefix,
                "trunk": route.trunk.name,
                "down_until": _still(route.down_until, at),
            }
            for route in status.routes
        ],
        "chores": [asdict(chore) for chore in status.chores],
        "database": asdict(status.database),
        "findings": [asdict(one) for one in found],
    }


def _since(moment: datetime | None, at: datetime) -> float | None:
    return None if moment is None else round((at - moment) / timedelta(seconds=1), 1)


def _still(until: datetime | None, at: datetime) -> datetime | None:
    return until if until is not None and until > at else None


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def _ago(seconds: float | None) -> str | None:
    return None if seconds is None else f"{max(seconds, 0):.0f} s ago"
