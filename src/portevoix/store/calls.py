"""The queue of calls in PostgreSQL, and their life once they are due."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.call import Answerer, CallState, Outcome, Report, Retries
from portevoix.domain.campaign import CampaignState, Kind
from portevoix.domain.dialling import Claimed, Conclusion, Filed, Finished, Progress, SandboxClock, Wait
from portevoix.domain.ids import Mode
from portevoix.domain.number import Number
from portevoix.domain.tariff import Product
from portevoix.ports import ORDINARY, Clock, Room, Standing
from portevoix.store.accounts import allowance_of
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("calls")
TRUNKS = queries("trunks")

SOUNDS_KEPT = 32
WAKE = b"SELECT pg_notify('portevoix_calls', '')"


class PostgresCalls:
    """The ``Calls`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._sounds: OrderedDict[bytes, TelephoneAudio] = OrderedDict()

    async def join(self, name: str, lease_s: int, standing: Standing = ORDINARY) -> int:
        """Begin as a node."""
        at = self._clock.now()
        values = {
            "name": name,
            "at": at,
            "lease_until": at + timedelta(seconds=lease_s),
            "role": standing.role,
            "version": standing.version,
            "shares_limits": standing.shares_limits,
        }
        ((node,),) = await self._rows("join", values)
        return int(node)

    async def renew(self, node: int, lease_s: int) -> bool:
        """Stay alive; tells whether the node still is."""
        at = self._clock.now()
        return bool(await self._rows("renew", {"node": node, "at": at, "lease_until": at + timedelta(seconds=lease_s)}))

    async def leave(self, node: int) -> None:
        """End as a node."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["leave"], {"node": node})

    async def claim(
        self, node: int, most: int, room: int, busy: Mapping[int, int], trunks: Sequence[Room] = ()
    ) -> Sequence[Claimed]:
        """Take due calls, in equal parts for the accounts that have some."""
        values = {
            "node": node,
            "at": self._clock.now(),
            "most": most,
            "room": room,
            "busy": list(busy),
            "rooms": list(busy.values()),
            "trunks": [one.trunk_id for one in trunks],
            "trunk_rooms": [one.calls for one in trunks],
        }
        return [_claimed(row) for row in await self._rows("claim", values)]

    async def dial(
        self, node: int, dials: Sequence[tuple[Claimed, str, datetime]], trunks: Mapping[int, int] | None = None
    ) -> Mapping[int, int]:
        """Commit that claimed calls are dialled now; returns the number of each one's attempt."""
        dials = sorted(dials, key=lambda dial: dial[0].id)  # locked in this order, as everywhere
        trunks = trunks or {}
        values: dict[str, Any] = {
            "node": node,
            "at": self._clock.now(),
            "calls": [claimed.id for claimed, _, _ in dials],
            "routes": [route for _, route, _ in dials],
            "times": [at for _, _, at in dials],
            "trunks": [trunks.get(claimed.id) for claimed, _, _ in dials],
            "open_trunks": [],
            "rooms": [],
        }
        if not trunks:
            return dict(await self._rows("dial", values))
        asked = {"trunks": sorted(set(trunks.values())), "at": values["at"]}
        async with self._database.transaction() as connection:
            await connection.execute(SQL["lock_trunks"], asked)
            rooms = await (await connection.execute(TRUNKS["rooms"], asked)).fetchall()
            values |= {"open_trunks": [row[0] for row in rooms], "rooms": [row[2] for row in rooms]}
            return dict(await (await connection.execute(SQL["dial"], values)).fetchall())

    async def give_back(self, node: int, calls: Sequence[int], waits: Mapping[int, Wait] | None = None) -> None:
        """Let others claim what this node will not dial."""
        found = [(waits or {}).get(call, Wait()) for call in calls]
        values = {
            "node": node,
            "calls": list(calls),
            "trunks": [one.trunk_id for one in found],
            "due": [one.due_at for one in found],
        }
        async with self._database.connection() as connection:
            await connection.execute(SQL["give_back"], values)

    async def progress(self, said: Sequence[Progress]) -> None:
        """Note what carriers say on the way."""
        values = {
            "calls": [one.call_id for one in said],
            "numbers": [one.attempt for one in said],
            "ringing": [one.ringing_at for one in said],
            "answered": [one.answered_at for one in said],
        }
        async with self._database.connection() as connection:
            await connection.execute(SQL["progress"], values)

    async def file(self, reports: Sequence[tuple[int, int, Report]]) -> None:
        """Keep reports of attempts' ends; the first of each attempt counts."""
        values = {
            "calls": [call for call, _, _ in reports],
            "numbers": [number for _, number, _ in reports],
            "outcomes": [report.outcome for _, _, report in reports],
            "ended": [report.ended_at for _, _, report in reports],
            "ringing": [report.ringing_at for _, _, report in reports],
            "answered": [report.answered_at for _, _, report in reports],
            "answerers": [report.answerer for _, _, report in reports],
            "keys": [report.keys for _, _, report in reports],
            "causes": [report.cause for _, _, report in reports],
            "traces": [_trace(report) for _, _, report in reports],
        }
        recorded = sorted((one for one in reports if one[2].recorded), key=lambda one: one[:2])
        if not recorded:
            async with self._database.connection() as connection:
                await connection.execute(SQL["file"], values)
            return
        async with self._database.transaction() as connection:
            for call, number, report in recorded:  # one by one: each is large
                kept = {"call": call, "number": number, "alaw": report.recorded, "at": self._clock.now()}
                await connection.execute(SQL["record"], kept)
            await connection.execute(SQL["file"], values)

    async def erase_recorded(self, before: datetime, most: int) -> int:
        """Erase what calls' far ends said before a moment."""
        async with self._database.connection() as connection:
            return (await connection.execute(SQL["erase_recorded"], {"before": before, "most": most})).rowcount

    async def lock_filed(self, calls: Sequence[int]) -> Sequence[Filed]:
        """Lock those calls whose report nobody has acted on yet."""
        return [_filed(row) for row in await self._rows("lock_filed", {"calls": list(calls)})]

    async def conclude(self, conclusions: Sequence[Conclusion]) -> Sequence[int]:
        """Let follow what was decided; returns the campaigns that are over with it."""
        over = [one.is_over for one in conclusions]
        values = {
            "calls": [one.filed.id for one in conclusions],
            "states": [one.state for one in conclusions],
            "outcomes": [one.filed.report.outcome for one in conclusions],
            "durations": [
                one.filed.report.duration_s if is_over else None for one, is_over in zip(conclusions, over, strict=True)
            ],
            "costs": [one.cost_micros for one in conclusions],
            "ended": [one.filed.report.ended_at for one in conclusions],
            "due": [one.due_at for one in conclusions],
            "routes": [one.route for one in conclusions],
            "retried": [one.retried for one in conclusions],
            "delivered": [one.is_delivered for one in conclusions],
        }
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL["conclude"], values)).fetchall()
            if not all(over):
                await connection.execute(WAKE)
        return [campaign for campaign, still_open in rows if not still_open]

    async def finished(self, campaigns: Sequence[int]) -> Sequence[Finished]:
        """Read what is told of campaigns that are over."""
        rows = await self._rows("finished_campaigns", {"campaigns": list(campaigns)})
        return [_finished(row) for row in rows]

    async def filed(self, most: int, node: int | None = None) -> Sequence[int]:
        """Find calls whose report was filed, but not acted on; for a node, those that no other one lives to act on."""
        asked = {"most": most, "node": node, "at": self._clock.now()}
        return [call for (call,) in await self._rows("filed", asked)]

    async def at_node(self, node: int) -> Sequence[tuple[int, CallState, int]]:
        """Read what a node has by the books, without a filed report: calls, their states and attempts."""
        return [
            (call, CallState(state), attempt) for call, state, attempt in await self._rows("at_node", {"node": node})
        ]

    async def forsake(self, most: int, dead_by: datetime | None) -> Sequence[tuple[int, int]]:
        """Give back what dead nodes had claimed; returns calls that they were dialling, with their attempts."""
        async with self._database.transaction() as connection:
            rows = await (await connection.execute(SQL["dead_nodes"], {"dead_by": dead_by})).fetchall()
            nodes = [node for (node,) in rows]
            if not nodes:
                return []
            rows = await (await connection.execute(SQL["forsaken"], {"nodes": nodes, "most": most})).fetchall()
            claimed = [call for call, state, _ in rows if state == CallState.CLAIMED]
            await connection.execute(SQL["return_forsaken"], {"calls": claimed})
            await connection.execute(SQL["condemn" if rows else "bury"], {"nodes": nodes})
            await connection.execute(WAKE)
        return [(call, attempt) for call, state, attempt in rows if state != CallState.CLAIMED]

    async def sound(self, sha256: bytes) -> TelephoneAudio:
        """Read what a call plays; the last ones stay in memory, since a campaign plays one to all."""
        kept = self._sounds.pop(sha256, None)
        if kept is None:
            ((alaw,),) = await self._rows("sound", {"sha256": sha256})
            kept = TelephoneAudio(bytes(alaw))
            while len(self._sounds) >= SOUNDS_KEPT:
                self._sounds.popitem(last=False)
        self._sounds[sha256] = kept
        return kept

    async def _rows(self, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        async with self._database.connection() as connection:
            return await (await connection.execute(SQL[query], values)).fetchall()


def _trace(report: Report) -> str | None:
    """Write what else happened as it is kept: a list of when, what and its particulars."""
    steps = [(one.at.isoformat(), one.what, one.detail) for one in report.trace]
    return json.dumps(steps) if steps else None


@lru_cache(maxsize=4096)
def _number(digits: str) -> Number:
    """Read a number back; it was parsed when it came in."""
    return Number.parse(f"+{digits}")


def _claimed(row: tuple[Any, ...]) -> Claimed:
    (
        call,
        account_id,
        _,
        campaign,
        position,
        number,
        product,
        kind,
        sha256,
        samples,
        reserved,
        own,
        default,
        attempt,
        route,
        *rest,
    ) = row
    due_at, offset_s, moved_from, moved_to, sender, mode, tried, countries = rest
    return Claimed(
        call,
        account_id,
        campaign,
        position,
        _number(number),
        Product(product),
        Kind(kind),
        sha256,
        samples,
        reserved,
        own,
        default,
        attempt,
        route,
        due_at,
        SandboxClock(offset_s, moved_from, moved_to),
        sender,
        Mode(mode),
        tuple(tried or ()),
        allowance_of(None, countries).countries,
    )


def _filed(row: tuple[Any, ...]) -> Filed:
    (call, account_id, campaign_id, campaign, position, number, product, kind, hold, reserved, attempt, *rest) = row
    (retried, route, state, retries, spacing_s, own, default, notify_url, plays, samples, dialed_at, *rest) = rest
    (outcome, ended_at, ringing_at, answered_at, answerer, keys, cause, mode, offset_s, tried) = rest
    report = Report(Outcome(outcome), ended_at, ringing_at, answered_at, Answerer(answerer), keys, cause)
    return Filed(
        call,
        account_id,
        Mode(mode),
        campaign_id,
        campaign,
        CampaignState(state),
        position,
        _number(number),
        Product(product),
        Kind(kind),
        hold,
        reserved,
        attempt,
        retried,
        route,
        Retries(retries, spacing_s),
        own,
        default,
        notify_url,
        plays,
        samples,
        dialed_at,
        report,
        SandboxClock(offset_s),
        tuple(tried),
    )


def _finished(row: tuple[Any, ...]) -> Finished:
    campaign_id, account_id, campaign, kind, state, *rest, mode = row
    return Finished(campaign_id, account_id, Mode(mode), campaign, Kind(kind), CampaignState(state), *rest)
