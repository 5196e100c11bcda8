# SPDX-License-Identifier: MIT
"""The account: its credit, its statement, what happens to it, and what is told of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator

from portevoix.client import balance, webhook
from portevoix.client.balance import Balance, LedgerLine
from portevoix.client.credit import CREDIT, Credit
from portevoix.client.errors import VoicePartnerError
from portevoix.client.event import Event, EventStream
from portevoix.client.methods.asking import (
    Asking,
    AsyncAsking,
    go_through,
    go_through_async,
    sleep,
    sleep_async,
)
from portevoix.client.webhook import Webhook


class AccountMethods(Asking):
    """The account."""

    @abstractmethod
    def _pieces(self, stream: EventStream) -> Iterator[bytes]:
        """Connect to the service once, and give what it tells."""

    def credits(self) -> Credit:
        """Ask for the credit, through v1."""
        return self._ask(CREDIT)

    def balance(self) -> Balance:
        """Ask for the credit, through v2: what is set aside too."""
        return self._ask(balance.BALANCE)

    def ledger(self) -> Iterator[LedgerLine]:
        """Go through the transfers of the account's credit, oldest first, asking for a page at a time."""
        return go_through(self._ask, balance.ledger())

    def events(
        self,
        after: str | None = None,
        *,
        signed: bool = False,
        when_lost: Callable[[VoicePartnerError], None] | None = None,
    ) -> Iterator[Event]:
        """Go through what happens to the account, as it happens, without an end.

        A connection that is lost is made again, and goes on where it was.

        Args:
            after: the id of the event to go on after; from now on, where none is given; ``"0"`` for all that is kept.
            signed: have notices signed, as a notifyUrl gets them.
            when_lost: told why a connection was lost.

        Raises:
            ConnectionFailed: the service could not be reached at first.
        """
        stream = EventStream(after, signed=signed, when_lost=when_lost)
        while True:
            try:
                for piece in self._pieces(stream):
                    yield from stream.read(piece)
                fault = stream.ended()
            except VoicePartnerError as failure:
                fault = failure
            sleep(stream.pause_s(fault))

    def webhooks(self, *, state: str | None = None) -> Iterator[Webhook]:
        """Go through the webhooks with their tries, newest first, asking for a page at a time.

        Args:
            state: ``pending``, ``delivered``, ``dead`` or ``disabled``; all, where none is given.
        """
        return go_through(self._ask, webhook.webhooks(state))

    def webhook(self, webhook_id: str) -> Webhook:
        """Read one webhook. Raises NotFound."""
        return self._ask(webhook.show(webhook_id))

    def replay(self, webhook_id: str) -> Webhook:
        """Send a webhook again, under the same id. Raises NotFound."""
        return self._ask(webhook.replay(webhook_id))

    def webhook_secret(self) -> str:
        """Read what the account's webhooks are signed with. Needs the scope ``manage``."""
        return self._ask(webhook.SECRET)

    def rotate_webhook_secret(self) -> str:
        """Have another secret; for a day, webhooks are signed with both. Needs the scope ``manage``."""
        return self._ask(webhook.rotate_secret())


class AsyncAccountMethods(AsyncAsking):
    """The account."""

    @abstractmethod
    def _pieces(self, stream: EventStream) -> AsyncIterator[bytes]:
        """Connect to the service once, and give what it tells."""

    async def credits(self) -> Credit:
        """Ask for the credit, through v1."""
        return await self._ask(CREDIT)

    async def balance(self) -> Balance:
        """Ask for the credit, through v2: what is set aside too."""
        return await self._ask(balance.BALANCE)

    def ledger(self) -> AsyncIterator[LedgerLine]:
        """Go through the transfers of the account's credit, oldest first, asking for a page at a time."""
        return go_through_async(self._ask, balance.ledger())

    async def events(
        self,
        after: str | None = None,
        *,
        signed: bool = False,
        when_lost: Callable[[VoicePartnerError], None] | None = None,
    ) -> AsyncIterator[Event]:
        """Go through what happens to the account, as it happens, without an end."""
        stream = EventStream(after, signed=signed, when_lost=when_lost)
        while True:
            try:
                async for piece in self._pieces(stream):
                    for event in stream.read(piece):
                        yield event
                fault = stream.ended()
            except VoicePartnerError as failure:
                fault = failure
            await sleep_async(stream.pause_s(fault))

    def webhooks(self, *, state: str | None = None) -> AsyncIterator[Webhook]:
        """Go through the webhooks with their tries, newest first, asking for a page at a time."""
        return go_through_async(self._ask, webhook.webhooks(state))

    async def webhook(self, webhook_id: str) -> Webhook:
        """Read one webhook."""
        return await self._ask(webhook.show(webhook_id))

    async def replay(self, webhook_id: str) -> Webhook:
        """Send a webhook again, under the same id."""
        return await self._ask(webhook.replay(webhook_id))

    async def webhook_secret(self) -> str:
        """Read what the account's webhooks are signed with."""
        return await self._ask(webhook.SECRET)

    async def rotate_webhook_secret(self) -> str:
        """Have another secret; for a day, webhooks are signed with both."""
        return await self._ask(webhook.rotate_secret())
