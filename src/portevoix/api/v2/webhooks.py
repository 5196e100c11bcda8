"""/v2/webhooks: what notifyUrls were told, and what it is signed with."""

from __future__ import annotations

import re

from portevoix.api.v2.operation import Call, Operation
from portevoix.api.v2.wire import notices as wire
from portevoix.api.v2.wire.common import cut
from portevoix.domain.account import Scope
from portevoix.domain.notice import WebhookArchived, WebhookNotFound, parse_place
from portevoix.service import notices

_ID = re.compile(r"msg_[0-9a-f]{32}", re.ASCII)


async def _list(call: Call[wire.WebhookQuery, None]) -> wire.WebhookPage:
    query = call.query
    before = parse_place(query.after)
    found = await notices.list_webhooks(call.house, call.access, before, query.limit + 1, query.state)
    page, last = cut(found, query.limit)
    return wire.WebhookPage([wire.webhook(one) for one in page], None if last is None else str(last.place))


async def _show(call: Call[None, None]) -> wire.Webhook:
    return wire.webhook(await notices.find_webhook(call.house, call.access, _webhook(call)))


async def _replay(call: Call[None, None]) -> wire.Webhook:
    return wire.webhook(await notices.replay_webhook(call.house, call.access, _webhook(call)))


async def _secret(call: Call[None, None]) -> wire.Secret:
    return wire.Secret((await notices.webhook_secret(call.house, call.access)).reveal())


async def _rotate(call: Call[None, None]) -> wire.Secret:
    return wire.Secret((await notices.rotate_webhook_secret(call.house, call.access)).reveal())


def _webhook(call: Call[None, None]) -> str:
    """Check a webhook's id from outside. Raises WebhookNotFound."""
    if not _ID.fullmatch(call.path["webhook"]):
        raise WebhookNotFound("there is no such webhook")
    return call.path["webhook"]


WEBHOOK_OPERATIONS = (
    Operation(
        name="list_webhooks",
        method="GET",
        path="/v2/webhooks",
        summary="List the webhooks",
        description="What notifyUrls were told, newest first, each with the log of its tries.",
        scope=Scope.READ,
        answer=wire.WebhookPage,
        run=_list,
        query=wire.WebhookQuery,
    ),
    Operation(
        name="show_webhook",
        method="GET",
        path="/v2/webhooks/{webhook}",
        summary="Show a webhook",
        description="A webhook with the log of its tries.",
        scope=Scope.READ,
        answer=wire.Webhook,
        run=_show,
        refusals=(WebhookNotFound,),
    ),
    Operation(
        name="replay_webhook",
        method="POST",
        path="/v2/webhooks/{webhook}/replay",
        summary="Send a webhook again",
        description=(
            "Sends a webhook again, with the same id, whatever became of it. A destination that had answered 410 is "
            "taken for good again."
        ),
        scope=Scope.SEND,
        answer=wire.Webhook,
        run=_replay,
        is_one_transaction=True,
        refusals=(WebhookNotFound, WebhookArchived),
    ),
    Operation(
        name="webhook_secret",
        method="GET",
        path="/v2/webhook-secret",
        summary="Read the signing secret",
        description="What the account's webhooks are signed with, as Standard Webhooks writes it.",
        scope=Scope.MANAGE,
        answer=wire.Secret,
        run=_secret,
    ),
    Operation(
        name="rotate_webhook_secret",
        method="POST",
        path="/v2/webhook-secret/rotate",
        summary="Change the signing secret",
        description="Gives the account another signing secret. For a day, webhooks are signed with both.",
        scope=Scope.MANAGE,
        answer=wire.Secret,
        run=_rotate,
        is_one_transaction=True,
    ),
)
