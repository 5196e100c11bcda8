"""Notices: delivering webhooks and mails, each at least once, and what their owners see of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from portevoix.domain.account import Access
from portevoix.domain.mail import EmailAddress, Mail, MailFailed
from portevoix.domain.notice import PendingWebhook, Webhook, WebhookArchived, WebhookNotFound, WebhookState
from portevoix.domain.webhook import Verdict, WebhookRequest, WebhookSecret, judge, next_try
from portevoix.ports import House, Mailer, WebhookSender

#: How long the signing secret of before is good beside the new one.
ROTATION = timedelta(days=1)

#: How soon to try a webhook again whose receiver had as many under way as it may: about when the slowest have ended.
CROWDED_S = 15

#: How often, and how far apart, a mail that was not taken is tried again.
MAIL_RETRIES_S = (60, 600, 3_600, 14_400, 43_200)


async def deliver_webhook(house: House, sender: WebhookSender, webhook: int, *, again: bool = False) -> int | None:
    """Try to deliver a webhook whose turn it is, and keep how that ended.

    Args:
        again: even where it has been delivered: a copy that is sent on purpose.

    Returns:
        in how many seconds to try once more; ``None`` where there is nothing more to do.
    """
    pending = await house.notices.webhook(webhook)
    if pending is None or (pending.state is not WebhookState.PENDING and not again):
        return None
    if pending.is_gone:
        await house.notices.disable(webhook)
        return None
    answer = await sender.deliver(_request(house, pending))
    if answer is None:
        return CROWDED_S
    tried = pending.attempts + 1
    verdict = judge(answer.status, tried)
    wait_s = next_try(tried, answer.retry_after_s) if verdict is Verdict.RETRY else None
    due_at = None if wait_s is None else house.clock.now() + timedelta(seconds=wait_s)
    await house.notices.log_try(webhook, _STATES[verdict], answer, due_at)
    return wait_s


_STATES = {
    Verdict.DELIVERED: WebhookState.DELIVERED,
    Verdict.RETRY: WebhookState.PENDING,
    Verdict.GONE: WebhookState.DISABLED,
    Verdict.DEAD: WebhookState.DEAD,
}


def _request(house: House, pending: PendingWebhook) -> WebhookRequest:
    """Sign a try; while a secret is being rotated, with both."""
    secrets = secrets_of(house, pending.account_id, pending.generation, pending.rotated_at)
    body = pending.body if pending.method == "POST" else b""
    timestamp_s = int(house.clock.now().timestamp())
    return WebhookRequest.signed(pending.method, pending.url, body, secrets, pending.public_id, timestamp_s)


def secrets_of(house: House, account_id: int, generation: int, rotated_at: datetime | None) -> Sequence[WebhookSecret]:
    """Tell what an account's webhooks are signed with; for a day after a rotation, with the secret of before, too."""
    generations = [generation]
    if rotated_at is not None and house.clock.now() < rotated_at + ROTATION:
        generations.append(generation - 1)
    return [WebhookSecret.derive(house.pepper, account_id, each) for each in generations]


async def send_mail(house: House, mailer: Mailer | None, mail: int, tried: int) -> int | None:
    """Try to send a mail, and keep how that ended; without a mail server it is kept to be read.

    Args:
        tried: how often it was tried before.

    Returns:
        in how many seconds to try once more; ``None`` where there is nothing more to do.
    """
    pending = await house.notices.mail(mail)
    if pending is None or pending.state != "pending":
        return None
    if mailer is None:
        await house.notices.mail_is(mail, "kept", None)
        return None
    message_id = f"campaign-{pending.campaign}"
    try:
        address = EmailAddress(pending.recipient)
        await mailer.send(Mail(address, pending.subject, pending.text, message_id, pending.created_at))
    except MailFailed as fault:
        if fault.is_permanent or tried >= len(MAIL_RETRIES_S):
            await house.notices.mail_is(mail, "failed", fault.message)
            return None
        return MAIL_RETRIES_S[tried]
    await house.notices.mail_is(mail, "sent", None)
    return None


async def list_webhooks(
    house: House, access: Access, before: int | None, most: int, state: str | None = None
) -> Sequence[Webhook]:
    """Read the account's webhooks with the log of their tries, the newest first."""
    return await house.notices.webhooks(access.account_id, before, most, state=state)


async def find_webhook(house: House, access: Access, webhook: str) -> Webhook:
    """Read one of the account's webhooks. Raises WebhookNotFound."""
    found = await house.notices.webhooks(access.account_id, None, 1, webhook=webhook)
    if not found:
        raise WebhookNotFound("there is no such webhook")
    return found[0]


async def replay_webhook(house: House, access: Access, webhook: str) -> Webhook:
    """Send one of the account's webhooks again, with the same id. Raises WebhookNotFound, WebhookArchived."""
    is_sent = await house.notices.replay(access.account_id, webhook)
    found = await find_webhook(house, access, webhook)
    if not is_sent:
        raise WebhookArchived("the webhook is archived: it can be read, but is not sent again")
    return found


async def webhook_secret(house: House, access: Access) -> WebhookSecret:
    """Tell what the account's webhooks are signed with."""
    generation, _ = await house.notices.secret_generation(access.account_id)
    return WebhookSecret.derive(house.pepper, access.account_id, generation)


async def rotate_webhook_secret(house: House, access: Access, instead_of: int | None = None) -> WebhookSecret:
    """Give the account another signing secret; for a day, webhooks are signed with both.

    Args:
        instead_of: the generation that is to be replaced; ``None`` for whichever it is.

    Raises:
        SecretReplaced: it was replaced already.
    """
    generation, _ = await house.notices.rotate_secret(access.account_id, instead_of)
    return WebhookSecret.derive(house.pepper, access.account_id, generation)
