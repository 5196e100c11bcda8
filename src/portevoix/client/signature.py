# SPDX-License-Identifier: MIT
"""Whether a webhook comes from the service that it says. Source: Standard Webhooks 1.0.0; no I/O here."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Iterable, Mapping

from portevoix.client.errors import SignatureInvalid

#: How far the time in a webhook may be from ours.
TOLERANCE_S = 300

_PREFIX = "whsec_"
_VERSION = "v1"


def verify_webhook(
    secret: str | Iterable[str], headers: Mapping[str, str], body: bytes | str, *, now_s: float | None = None
) -> str:
    """Check a webhook's signature and age.

    Args:
        secret: the account's, ``whsec_…``; or several, any of which may have signed it.
        headers: of the request, in any case.
        body: of the request, as it came; of a GET, its query: all that follows the question mark, as it came.
        now_s: the Unix time; the machine's, where none is given.

    Returns:
        the webhook's id, the same for every try: keep it, to tell a repeat.

    Raises:
        SignatureInvalid: it was not signed with the secret, or too long ago.
        ValueError: a secret is none.
    """
    secrets = [secret] if isinstance(secret, str) else list(secret)
    keys = [_key(text) for text in secrets]
    told = {name.lower(): value for name, value in headers.items()}
    try:
        webhook_id, timestamp, signatures = (told[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as missing:
        raise SignatureInvalid(f"the webhook has no header {missing.args[0]}") from None
    _check_age(timestamp, time.time() if now_s is None else now_s)
    payload = body.encode() if isinstance(body, str) else body
    signed = f"{webhook_id}.{timestamp}.".encode() + payload
    wanted = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    given = [part.partition(",") for part in signatures.split()]
    found = [text.encode() for version, _, text in given if version == _VERSION]
    # Every pair is compared, each in a time that does not tell where it differs.
    if not sum(hmac.compare_digest(one, other) for one in wanted for other in found):
        raise SignatureInvalid("the webhook was not signed with this secret")
    return webhook_id


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key or not secret.startswith(_PREFIX):
        raise ValueError("a webhook secret is whsec_ and base64")  # not the secret itself
    return key


def _check_age(timestamp: str, now_s: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        raise SignatureInvalid("the webhook's time is none")
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        raise SignatureInvalid("the webhook is too old, or from the future")
