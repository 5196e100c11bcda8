"""What customers are told, and how this process hears of news."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from portevoix.domain.mail import Mail
from portevoix.domain.notice import KeptAnswer, NewEvent, NewMail, NewWebhook, PendingWebhook, SentMail, Webhook
from portevoix.domain.webhook import WebhookAnswer, WebhookRequest


class Notices(Protocol):
    """What customers are told. Told in a unit of work, it goes out when that takes effect, and at least once."""

    async def tell(self, events: Sequence[NewEvent], webhooks: Sequence[NewWebhook], mails: Sequence[NewMail]) -> None:
        """Record events, and send webhooks and mails."""

    async def webhook(self, webhook: int) -> PendingWebhook | None:
        """Read a webhook whose turn it is."""

    async def log_try(self, webhook: int, state: str, answer: WebhookAnswer, due_at: datetime | None) -> None:
        """Keep how a try ended, and where the webhook stands after it."""

    async def disable(self, webhook: int) -> None:
        """Give up a webhook whose destination is gone."""

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

    async def webhooks_of(self, account_id: int, calls: Sequence[tuple[str, int]]) -> Sequence[Webhook]:
        """Read what was told of calls, each named by its campaign and position, and of their campaigns as a whole."""

    async def replay(self, account_id: int, webhook: str) -> bool:
        """Send a webhook again; tells whether the account has it."""

    async def secret_generation(self, account_id: int) -> tuple[int, datetime | None]:
        """Tell which signing secret an account has, and when it took the place of the one before."""

    async def rotate_secret(self, account_id: int, instead_of: int | None = None) -> tuple[int, datetime | None]:
        """Give an account its next signing secret.

        Args:
            instead_of: the generation that it has to have; ``None`` for any.

        Raises:
            SecretReplaced: it has another one.
        """

    async def mail(self, mail: int) -> SentMail | None:
        """Read a mail."""

    async def mail_is(self, mail: int, state: str, fault: str | None) -> None:
        """Keep what became of a mail."""

    async def mails(self, account_id: int, most: int) -> Sequence[SentMail]:
        """Read an account's mails, the newest first."""


class Answers(Protocol):
    """Answers to requests that bore an idempotency key."""

    async def find(self, account_id: int, key: str) -> KeptAnswer | None:
        """Read the answer that was kept under a key."""

    async def keep(self, account_id: int, key: str, answer: KeptAnswer) -> bool:
        """Keep an answer; tells whether the key was free."""

    async def amend(self, account_id: int, key: str, answer: KeptAnswer) -> None:
        """Keep another answer under a key."""


class WebhookSender(Protocol):
    """Sends webhooks."""

    async def deliver(self, request: WebhookRequest) -> WebhookAnswer | None:
        """Send one; what goes wrong is told in the answer. ``None``: its receiver is busy, and nothing was sent."""


class Mailer(Protocol):
    """Sends mails."""

    async def send(self, mail: Mail) -> None:
        """Send one. Raises MailFailed."""


class Signals(Protocol):
    """Tells this process what others have done."""

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[Subscription]:
        """Listen to a channel: ``calls`` (some may be due), ``events`` (an account's number), ``clock``."""


class Subscription(Protocol):
    """What one listener hears."""

    async def heard(self, timeout_s: float | None = None) -> Sequence[str]:
        """Wait for news; returns their payloads, none where the time ran out or the connection was made anew."""
