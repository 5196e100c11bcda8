"""Campaigns in PostgreSQL, as their owners send, see and stop them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.call import Answerer, CallState, Outcome, Retries, Trace
from portevoix.domain.campaign import (
    ANY_CALL,
    Attempt,
    Call,
    CallErased,
    CallFilter,
    CallNotFound,
    CallNotRecorded,
    Campaign,
    CampaignFilter,
    CampaignNotFound,
    CampaignState,
    Cancelled,
    Kind,
    Waiting,
    call_id,
)
from portevoix.domain.errors import NotFound
from portevoix.domain.placing import Placing
from portevoix.domain.tariff import Product
from portevoix.ports import Clock
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("campaigns")


class PostgresCampaigns:
    """The ``Campaigns`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def place(self, placing: Placing) -> None:
        """Keep a new campaign and its calls."""
        audio = placing.message.audio
        sound = {
            "sha256": bytes.fromhex(audio.sha256),
            "alaw": audio.alaw,
            "samples": audio.samples,
            "at": self._clock.now(),
        }
        async with self._database.command() as connection:
            await connection.execute(SQL["sound"], sound)
            await connection.execute(SQL["place"], _values(placing))

    async def find(self, account_id: int, campaign: str) -> Campaign:
        """Read one campaign."""
        found = await self._campaigns(account_id=account_id, public_id=campaign, before_id=None, most=1, states=None)
        if not found:
            raise CampaignNotFound("there is no such message")
        return found[0][1]

    async def newest(
        self,
        account_id: int,
        before: int | None,
        most: int,
        which: CampaignFilter | None = None,
        at: datetime | None = None,
    ) -> Sequence[tuple[int, Campaign]]:
        """Read an account's campaigns, the newest first, each with its place."""
        page = {"account_id": account_id, "before_id": before, "most": most}
        states = None if which is None else list(which.states)
        if which is None or CampaignState.FINISHED in which.states:
            return await self._campaigns(**page, public_id=None, states=states)
        values = {**page, "states": states, "is_ahead": which.is_ahead, "is_open": which.is_open, "at": at}
        return [(row[-1], _campaign(row)) for row in await self._rows("unfinished_campaigns", values)]

    async def calls(
        self, account_id: int, campaign: str, after: int, most: int, which: CallFilter = ANY_CALL
    ) -> Sequence[Call]:
        """Read a campaign's calls in the order of the recipients, from after a position on."""
        values = {"account_id": account_id, "public_id": campaign, "position": None, "after": after, "most": most}
        return await self._calls(values, which)

    async def call(self, account_id: int, campaign: str, position: int) -> Call:
        """Read one call."""
        place = {"public_id": campaign, "position": position, "after": position - 1}
        found = await self._calls({"account_id": account_id, **place, "most": 1})
        if not found:
            values = {"account_id": account_id, "public_id": campaign, "before_id": None, "most": 1, "states": None}
            for _, message in await self._campaigns(**values):
                if message.calls_erased_at and 1 <= position <= message.total:
                    raise CallErased("the calls of this message were erased")
            raise CallNotFound("there is no such call")
        return found[0]

    async def at_carriers(self, account_id: int, campaign: str) -> Mapping[CallState, int]:
        """Count a campaign's calls that are with carriers now."""
        rows = await self._rows("at_carriers", {"account_id": account_id, "public_id": campaign})
        return {CallState(state): count for state, count in rows}

    async def waiting(self, account_id: int, campaign: str) -> tuple[int, int]:
        """Tell how many of a campaign's calls a cancel would cancel, and how much credit would come back."""
        ((count, micros),) = await self._rows("waiting", {"account_id": account_id, "public_id": campaign})
        return count, micros

    async def of_holds(self, account_id: int, holds: Sequence[int]) -> Mapping[int, tuple[str, int]]:
        """Find the calls that holds were opened for: each one's campaign, and its position there."""
        rows = await self._rows("of_holds", {"account_id": account_id, "holds": list(holds)})
        return {hold: (campaign, position) for hold, campaign, position in rows}

    async def attempts(self, account_id: int, campaign: str, position: int) -> Sequence[Attempt]:
        """Read what happened to a call."""
        rows = await self._rows("attempts", {"account_id": account_id, "public_id": campaign, "position": position})
        return [_attempt(row) for row in rows]

    async def recorded(self, account_id: int, campaign: str, position: int) -> TelephoneAudio:
        """Read what is kept of what a call's far end said."""
        rows = await self._rows("recorded", {"account_id": account_id, "public_id": campaign, "position": position})
        if not rows:
            raise CallNotRecorded("nothing is kept of what the far end of this call said")
        return TelephoneAudio(rows[0][0])

    async def pause(self, account_id: int, campaign: str) -> bool:
        """Hold back what has not begun."""
        return await self._change("pause", account_id, campaign)

    async def resume(self, account_id: int, campaign: str) -> bool:
        """Let what was held back go on."""
        return await self._change("resume", account_id, campaign)

    async def lock_waiting(self, account_id: int, campaign: str) -> Sequence[Waiting]:
        """Lock what is not under way."""
        rows = await self._rows("lock_waiting", {"account_id": account_id, "public_id": campaign})
        return [Waiting(*row) for row in rows]

    async def cancel(self, account_id: int, campaign: str, calls: Sequence[int], at: datetime) -> Cancelled | None:
        """Cancel calls that were locked."""
        values = {"account_id": account_id, "public_id": campaign, "calls": list(calls), "at": at}
        async with self._database.command() as connection:
            await connection.execute(SQL["cancel_calls"], values)
            cursor = await connection.execute(SQL["cancel"], values)
            row = await cursor.fetchone()
        return None if row is None else Cancelled(*row)

    async def stranded(self, most: int) -> Sequence[tuple[int, str, int]]:
        """Find cancelled campaigns with calls that wait."""
        return [
            (account_id, campaign, offset_s)
            for account_id, campaign, offset_s in await self._rows("stranded", {"most": most})
        ]

    async def sender_is_verified(self, account_id: int, number: str) -> bool:
        """Tell whether an account may show a number."""
        ((is_verified,),) = await self._rows("verified_sender", {"account_id": account_id, "number": number})
        return bool(is_verified)

    async def verify_sender(self, account_id: int, number: str) -> None:
        """Let an account show a number."""
        async with self._database.connection() as connection:
            values = {"account_id": account_id, "number": number, "at": self._clock.now()}
            await connection.execute(SQL["verify_sender"], values)

    async def forget_sender(self, account_id: int, number: str) -> None:
        """Let an account show a number no more."""
        if not await self._rows("forget_sender", {"account_id": account_id, "number": number}):
            raise NotFound("the account shows no such number")

    async def senders(self, account_id: int) -> Sequence[str]:
        """Read the numbers that an account may show."""
        return [number for (number,) in await self._rows("senders", {"account_id": account_id})]

    async def _change(self, change: str, account_id: int, campaign: str) -> bool:
        values = {"account_id": account_id, "public_id": campaign}
        async with self._database.command() as connection:
            await connection.execute(SQL[f"{change}_calls"], values)
            cursor = await connection.execute(SQL[change], values)
            return await cursor.fetchone() is not None

    async def _campaigns(self, **values: object) -> Sequence[tuple[int, Campaign]]:
        return [(row[-1], _campaign(row)) for row in await self._rows("campaigns", values)]

    async def _calls(self, values: Mapping[str, Any], which: CallFilter = ANY_CALL) -> Sequence[Call]:
        if which.digits == "":  # no call has it, and a campaign may have a hundred thousand to look through
            return []
        states = None if which.states is None else list(which.states)
        sought = {"states": states, "outcome": which.outcome, "digits": which.digits}
        return [_call(row) for row in await self._rows("calls", {**values, **sought})]

    async def _rows(self, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        async with self._database.connection() as connection:
            return await (await connection.execute(SQL[query], values)).fetchall()


def _values(placing: Placing) -> dict[str, Any]:
    order, message = placing.order, placing.message
    recording, utterance = message.recording, message.utterance
    return {
        "public_id": placing.campaign,
        "account_id": placing.account_id,
        "kind": order.kind,
        "sha256": bytes.fromhex(message.audio.sha256),
        "samples": message.audio.samples,
        "recording": recording.token if recording else None,
        "recording_name": str(recording.name) if recording else None,
        "text": utterance.text if utterance else None,
        "language": utterance.language if utterance else None,
        "sender": order.sender.digits if order.sender else None,
        "notify_url": str(order.notify_url) if order.notify_url else None,
        "notify_token": placing.token,
        "email": str(order.email) if order.email else None,
        "retries": order.retries.most,
        "retry_spacing_s": order.retries.spacing_s,
        "own_revision": placing.own_revision,
        "default_revision": placing.default_revision,
        "is_scheduled": order.due_at is not None,
        "due_at": placing.due_at,
        "at": placing.at,
        "total": len(placing.priced),
        "reserved_micros": placing.reserved_micros,
        "state": CallState.READY if order.due_at is None else CallState.SCHEDULED,
        "numbers": [one.number.digits for one in placing.priced],
        "products": [one.product for one in placing.priced],
        "most": [one.most_micros for one in placing.priced],
        "holds": list(placing.holds),
        "trunks": list(placing.trunks),
    }


def _campaign(row: tuple[Any, ...]) -> Campaign:
    (
        public_id,
        kind,
        state,
        samples,
        sha256,
        token,
        recording_name,
        text,
        language,
        sender,
        notify_url,
        email,
        *rest,
    ) = row
    (retries, spacing_s, is_scheduled, due_at, created_at, finished_at, *counts, _place) = rest
    return Campaign(
        public_id,
        Kind(kind),
        CampaignState(state),
        samples,
        sha256,
        None if recording_name is None else (token, recording_name),
        text,
        language,
        sender,
        notify_url,
        email,
        Retries(retries, spacing_s),
        is_scheduled,
        due_at,
        created_at,
        finished_at,
        *counts,
    )


def _call(row: tuple[Any, ...]) -> Call:
    campaign, position, number, product, state, outcome, *rest = row
    return Call(
        call_id(campaign, position),
        number,
        Product(product),
        CallState(state),
        Outcome(outcome) if outcome else None,
        *rest,
    )


def _attempt(row: tuple[Any, ...]) -> Attempt:
    number, route, dialed_at, ringing_at, answered_at, ended_at, outcome, answerer, keys, _, cause, trace = row
    return Attempt(
        number,
        route,
        dialed_at,
        ringing_at,
        answered_at,
        ended_at,
        Outcome(outcome) if outcome else None,
        Answerer(answerer) if answerer else None,
        keys,
        cause,
        tuple(Trace(datetime.fromisoformat(at), what, detail) for at, what, detail in trace or ()),
    )
