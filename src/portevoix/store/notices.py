"""What customers are told, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from portevoix.domain.notice import (
    NewEvent,
    NewMail,
    NewWebhook,
    PendingWebhook,
    SentMail,
    Try,
    Webhook,
    WebhookState,
)
from portevoix.domain.webhook import SecretReplaced, WebhookAnswer
from portevoix.ports import Clock
from portevoix.store.database import Connection, Database
from portevoix.store.jobs import DELIVER, SEND_MAIL, Errand, defer
from portevoix.store.sql import queries

SQL = queries("notices")

#: Of a webhook, in front of those of its try.
_COLUMNS = 10


class PostgresNotices:
    """The ``Notices`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def tell(self, events: Sequence[NewEvent], webhooks: Sequence[NewWebhook], mails: Sequence[NewMail]) -> None:
        """Record events, and send webhooks and mails."""
        async with self._database.transaction() as connection:
            if events:
                await _record(connection, events)
            errands = await self._keep_webhooks(connection, webhooks) if webhooks else []
            for mail in mails:
                errands += await self._keep_mail(connection, mail)
            await defer(connection, errands)

    async def webhook(self, webhook: int) -> PendingWebhook | None:
        """Read a webhook whose turn it is."""
        rows = await self._rows("webhook_to_deliver", {"webhook": webhook})
        if not rows:
            return None
        ((number, public_id, account_id, method, url, body, state, *rest),) = rows
        return PendingWebhook(number, public_id, account_id, method, url, bytes(body), WebhookState(state), *rest)

    async def log_try(self, webhook: int, state: str, answer: WebhookAnswer, due_at: datetime | None) -> None:
        """Keep how a try ended, and where the webhook stands after it."""
        values = {
            "webhook": webhook,
            "state": state,
            "at": self._clock.now(),
            "status": answer.status,
            "fault": answer.fault,
            "body": answer.body,
            "duration_ms": answer.duration_ms,
            "due_at": due_at,
        }
        async with self._database.connection() as connection:
            await connection.execute(SQL["log_try"], values)

    async def disable(self, webhook: int) -> None:
        """Give up a webhook whose destination is gone."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["disable_webhook"], {"webhook": webhook})

    async def webhooks(
        self,
        account_id: int,
        before: int | None,
        most: int,
        *,
        webhook: str | None = None,
        state: str | None = None,
    ) -> Sequence[Webhook]:
        """Read an account's webhooks with their tries, the newest first."""
        values = {
            "account_id": account_id,
            "public_id": webhook,
            "state": state,
            "before_id": before,
            "most": most,
        }
        return _webhooks(await self._rows("webhooks", values))

    async def webhooks_of(self, account_id: int, calls: Sequence[tuple[str, int]]) -> Sequence[Webhook]:
        """Read what was told of calls, and of their campaigns as a whole."""
        values = {
            "account_id": account_id,
            "campaigns": [campaign for campaign, _ in calls],
            "positions": [position for _, position in calls],
        }
        return _webhooks(await self._rows("webhooks_of_calls", values))

    async def replay(self, account_id: int, webhook: str) -> bool:
        """Send a webhook again; its destination is taken for good again."""
        values = {"account_id": account_id, "public_id": webhook, "at": self._clock.now()}
        async with self._database.transaction() as connection:
            row = await (await connection.execute(SQL["replay"], values)).fetchone()
            if row is not None:
                await _hurry(connection, _errand(*row))
        return row is not None

    async def secret_generation(self, account_id: int) -> tuple[int, datetime | None]:
        """Tell which signing secret an account has."""
        ((generation, rotated_at),) = await self._rows("secret_generation", {"account_id": account_id})
        return generation, rotated_at

    async def rotate_secret(self, account_id: int, instead_of: int | None = None) -> tuple[int, datetime | None]:
        """Give an account its next signing secret."""
        values = {"account_id": account_id, "at": self._clock.now(), "instead_of": instead_of}
        rows = await self._rows("rotate_secret", values)
        if not rows:
            raise SecretReplaced("the secret was replaced meanwhile")
        generation, rotated_at = rows[0]
        return generation, rotated_at

    async def mail(self, mail: int) -> SentMail | None:
        """Read a mail."""
        rows = await self._rows("mail_to_send", {"mail": mail})
        return SentMail(*rows[0]) if rows else None

    async def mail_is(self, mail: int, state: str, fault: str | None) -> None:
        """Keep what became of a mail."""
        async with self._database.connection() as connection:
            await connection.execute(SQL["mail_is"], {"mail": mail, "state": state, "fault": fault})

    async def mails(self, account_id: int, most: int) -> Sequence[SentMail]:
        """Read an account's mails, the newest first."""
        return [SentMail(*row) for row in await self._rows("mails", {"account_id": account_id, "most": most})]

    async def _keep_webhooks(self, connection: Connection, webhooks: Sequence[NewWebhook]) -> list[Errand]:
        at = self._clock.now()
        values = {
            "ids": [one.public_id for one in webhooks],
            "accounts": [one.account_id for one in webhooks],
            "campaigns": [one.campaign_id for one in webhooks],
            "calls": [one.call_id for one in webhooks],
            "methods": [one.method for one in webhooks],
            "urls": [one.url for one in webhooks],
            "bodies": [one.body for one in webhooks],
            "times": [at] * len(webhooks),
            "due": [at + timedelta(seconds=one.delay_s) for one in webhooks],
        }
        rows = await (await connection.execute(SQL["keep_webhooks"], values)).fetchall()
        ids = {public_id: number for number, public_id in rows}
        return [
            _errand(ids[one.public_id], one.call_id, one.campaign_id, one.delay_s, copy)
            for one in webhooks
            for copy in range(one.copies)
        ]

    async def _keep_mail(self, connection: Connection, mail: NewMail) -> list[Errand]:
        values = {
            "account_id": mail.account_id,
            "campaign_id": mail.campaign_id,
            "recipient": mail.recipient,
            "subject": mail.subject,
            "text": mail.text,
            "state": "kept" if mail.kept else "pending",
            "at": self._clock.now(),
        }
        row = await (await connection.execute(SQL["keep_mail"], values)).fetchone()
        if row is None or mail.kept:
            return []
        return [Errand(SEND_MAIL, {"mail": row[0]}, f"mail-{row[0]}")]

    async def _rows(self, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        async with self._database.connection() as connection:
            return await (await connection.execute(SQL[query], values)).fetchall()


def _errand(webhook: int, call: int | None, campaign: int, delay_s: int = 0, copy: int = 0) -> Errand:
    """Ask for a webhook's delivery: those of one call go out in order."""
    lock = f"call-{call}" if call is not None else f"campaign-{campaign}"
    return Errand(DELIVER, {"webhook": webhook, "copy": copy}, lock, delay_s=delay_s)


async def _hurry(connection: Connection, errand: Errand) -> None:
    """Run a job at once: the one that waits for its next try, or else another one.

    Behind one that waits, another would wait as well; and one that is failing right now will wait before long.
    """
    asked = {"lock": errand.lock, "task": errand.task, "webhook": errand.args["webhook"]}
    cursor = await connection.execute(SQL["hurry"], asked)
    if await cursor.fetchone() is None:
        await defer(connection, [replace(errand, priority=1)])


async def _record(connection: Connection, events: Sequence[NewEvent]) -> None:
    values = {"events": msgspec.json.encode(events).decode()}
    await connection.execute(SQL["record_events"], values)


def _webhooks(rows: Sequence[tuple[Any, ...]]) -> Sequence[Webhook]:
    """Put webhooks together from a row for each try."""
    found: dict[tuple[Any, ...], list[Try]] = {}
    for row in rows:
        webhook_of, one = row[:_COLUMNS], row[_COLUMNS:]
        tries = found.setdefault(webhook_of, [])
        if one[0] is not None:
            tries.append(Try(*one))
    return [_webhook(row, tries) for row, tries in found.items()]


def _webhook(row: tuple[Any, ...], tries: list[Try]) -> Webhook:
    number, public_id, campaign, position, method, url, body, state, created_at, due_at = row
    return Webhook(
        public_id,
        campaign,
        position,
        method,
        url,
        bytes(body),
        WebhookState(state),
        created_at,
        due_at,
        tuple(tries),
        number,
    )
