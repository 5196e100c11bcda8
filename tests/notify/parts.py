"""What the tests of deliveries share."""

from __future__ import annotations

from ipaddress import ip_network

from portevoix.domain.webhook import WebhookRequest
from tests.notify.receiver import Receiver

#: The networks of this machine, which webhooks may not reach unless they are allowed.
HERE = [ip_network("127.0.0.0/8")]

#: A time-out that a test waits for.
QUICK_S = 0.3


def post(receiver: Receiver, path: str = "/hook", body: bytes = b'{"a":1}') -> WebhookRequest:
    """Make a webhook for a receiver."""
    return WebhookRequest("POST", receiver.url(path), {"Content-Type": "application/json", "webhook-id": "wh_1"}, body)


def get(url: str) -> WebhookRequest:
    """Make a webhook for a URL."""
    return WebhookRequest("GET", url, {}, b"")
