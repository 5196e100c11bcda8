"""Webhooks: where they go, what they say, how they are signed, and when they are tried again."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar
from urllib.parse import quote, urlencode, urlsplit

from portevoix.domain.errors import DomainError, InvalidValue
from portevoix.domain.schedule import PARIS

# A host and a port (RFC 3986, 3.2), without user information.
_PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@%]+)(?P<port>:[0-9]{0,5})?", re.ASCII)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_DOTTED_DIGITS = re.compile(r"(?:[0-9]+\.){3,}[0-9]+\.?", re.ASCII)
# What stays as it is in a path or query: all that RFC 3986 allows there, escapes, and what browsers leave alone.
_KEPT = "%!$&'()*+,-./:;=?@[]^_|~"
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)

#: How long to wait after each failed try, in seconds: twelve tries within three days.
RETRIES_S: tuple[int, ...] = (5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 86_400)


class NotifyUrlInvalid(InvalidValue):
    """Not a URL that can be notified."""

    code = "notify_url_invalid"


class SecretReplaced(DomainError):
    """The signing secret is not the one any more that was to be replaced; nothing was changed."""

    code = "secret_replaced"


@dataclass(frozen=True, slots=True)
class NotifyUrl:
    """Where webhooks go: a URL in ASCII, as it is sent. Whether its host may be reached is seen when it is."""

    MAX_LENGTH: ClassVar[int] = 2_000

    text: str

    @classmethod
    def parse(cls, text: str) -> NotifyUrl:
        """Read a URL: its fragment dropped, its host in lower case and IDNA 2008 (UTS 46), other letters escaped.

        Raises:
            NotifyUrlInvalid: not http or https, a bad host or port, a user name, blanks, control characters, too long.
        """
        text = text.strip()
        if len(text) > cls.MAX_LENGTH or not text.isprintable() or " " in text or "\\" in text:
            raise NotifyUrlInvalid(f"a URL has up to {cls.MAX_LENGTH} characters, no blanks or control characters")
        try:
            parts = urlsplit(text)
            port = "" if parts.port is None else f":{parts.port}"
            place = _PLACE.fullmatch(parts.netloc)
            host = _host(place["host"].lower()) if place else ""
        except ValueError:
            host = port = ""
        if not host or port == ":0":
            raise NotifyUrlInvalid("a URL has a host that can be looked up, perhaps a port, and no user name")
        if parts.scheme not in ("http", "https"):
            raise NotifyUrlInvalid("a URL begins with http:// or https://")
        query = f"?{quote(parts.query, safe=_KEPT)}" if parts.query else ""
        whole = f"{parts.scheme}://{host}{port}{quote(parts.path, safe=_KEPT) or '/'}{query}"
        if len(whole) > cls.MAX_LENGTH:
            raise NotifyUrlInvalid(f"a URL has up to {cls.MAX_LENGTH} characters, escapes included")
        return cls(whole)

    def __str__(self) -> str:
        return self.text


def _host(host: str) -> str:
    """Write a host as it is looked up. Raises ValueError."""
    if host.startswith("["):
        return f"[{IPv6Address(host[1:-1])}]"
    if not host.isascii():
        import idna  # its tables take 8 ms to load, and few hosts need them

        host = idna.encode(host, uts46=True).decode("ascii")
    if _DOTTED_DIGITS.fullmatch(host):
        IPv4Address(host.removesuffix("."))
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("not a host name")
    return host


@dataclass(frozen=True, slots=True)
class VoiceNotice:
    """What became of one recipient of a voice SMS.

    Args:
        status: ``delivered``, ``undelivered`` or ``pending``.
        number_with_zeros: the recipient, ``0033…``.
        sent_at: when it was dialled; done_at, when its outcome was known.
        has_recording: whether a recording was played, and not a text.
    """

    campaign_id: str
    status: str
    is_answered: bool
    number_with_zeros: str
    sent_at: datetime
    done_at: datetime
    duration_s: int
    has_recording: bool

    def body(self) -> bytes:
        """Write the JSON that is posted: Voice Partner's names and order, no blanks, times of Paris, UTF-8 as it is."""
        fields: dict[str, object] = {
            "campaignId": self.campaign_id,
            "status": self.status,
            "additionnal_status": "VOICE_ANSWERED" if self.is_answered else "VOICE_NOT_ANSWERED",
            "phoneNumber": self.number_with_zeros,
            "sendAt": _paris(self.sent_at),
            "doneAt": _paris(self.done_at),
            "duration": self.duration_s,
        }
        if self.has_recording:
            fields["audioFileComplementaire"] = {"status": "Deposit"}
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class DepositNotice:
    """How a deposit campaign ended.

    Args:
        campaign_token: names the campaign to whoever is notified.
    """

    campaign_token: str
    campaign_id: str
    delivered: int
    total: int

    def query(self) -> str:
        """Write what is put into the query: Voice Partner's names and order."""
        fields = {
            "campaign_token": self.campaign_token,
            "campaign_id": self.campaign_id,
            "delivered_quantity": self.delivered,
            "total_quantity": self.total,
        }
        return urlencode(fields, quote_via=quote, safe="")

    def url(self, notify_url: NotifyUrl) -> str:
        """Write the URL that is fetched: a query that is there stays in front."""
        before, _, query = notify_url.text.partition("?")
        joint = "&" if query and not query.endswith("&") else ""
        return f"{before}?{query}{joint}{self.query()}"


def _paris(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a moment has a time zone")
    return moment.astimezone(PARIS).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True, repr=False)
class WebhookSecret:
    """What webhooks are signed with: 24 to 64 bytes (Standard Webhooks 1.0.0, "Signature scheme")."""

    PREFIX: ClassVar[str] = "whsec_"

    key: bytes

    def __post_init__(self) -> None:
        if not 24 <= len(self.key) <= 64:
            raise InvalidValue("a webhook secret has 24 to 64 bytes")

    @classmethod
    def parse(cls, text: str) -> WebhookSecret:
        """Read ``whsec_`` and base64. Raises InvalidValue."""
        try:
            key = base64.b64decode(text.removeprefix(cls.PREFIX), validate=True)
        except ValueError:
            key = b""
        if not key or not text.startswith(cls.PREFIX):
            raise InvalidValue("a webhook secret is whsec_ and base64")
        return cls(key)

    @classmethod
    def derive(cls, pepper: bytes, account_id: int, generation: int) -> WebhookSecret:
        """Make an account's secret, so that none is stored.

        Args:
            pepper: the instance's own secret.
            generation: one more for each time that the secret is rotated.
        """
        return cls(hmac.digest(pepper, f"webhook:{account_id}:{generation}".encode(), "sha256"))

    def reveal(self) -> str:
        """Write it for its owner: ``whsec_`` and base64; ``parse`` reads it back."""
        return self.PREFIX + base64.b64encode(self.key).decode("ascii")

    def sign(self, message_id: str, timestamp_s: int, payload: bytes) -> str:
        """Sign what is sent: ``v1,`` and the base64 of an HMAC-SHA256 over ``id.timestamp.payload``.

        The id is the same for every try, and has no dot that could shift its end; the Unix time is that of the try.
        """
        if not _MESSAGE_ID.fullmatch(message_id):
            raise ValueError("a message id is letters, digits, _ and -")
        digest = hmac.digest(self.key, f"{message_id}.{timestamp_s}.".encode() + payload, "sha256")
        return "v1," + base64.b64encode(digest).decode("ascii")

    def __repr__(self) -> str:
        return "WebhookSecret(…)"  # never the key


def signed_headers(
    secrets: Sequence[WebhookSecret], message_id: str, timestamp_s: int, payload: bytes
) -> dict[str, str]:
    """Write the headers of Standard Webhooks: one signature a secret, the newest first while one is being rotated."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(secret.sign(message_id, timestamp_s, payload) for secret in secrets),
    }


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One try to deliver a webhook.

    Args:
        method: ``POST`` or ``GET``.
        url: in ASCII, its query as it is sent.
        headers: beside those that any request has.
        body: empty for none.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def signed(
        cls, method: str, url: str, body: bytes, secrets: Sequence[WebhookSecret], message_id: str, timestamp_s: int
    ) -> WebhookRequest:
        """Sign a try: the body of a POST, the query of a GET, which is all that follows the question mark."""
        payload = body if method == "POST" else url.partition("?")[2].encode("ascii")
        headers = signed_headers(secrets, message_id, timestamp_s, payload)
        return cls(method, url, {"Content-Type": "application/json", **headers} if body else headers, body)


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What became of a try.

    Args:
        status: of the answer; ``None`` where there was none.
        fault: what went wrong, in English, without secrets; an answer whose body was cut off has both.
        body: the first 1,000 characters at most, nothing but printable ones.
        duration_ms: from the first look at the host to the end of the answer.
    """

    status: int | None
    fault: str | None
    body: str
    duration_ms: int
    retry_after_s: int | None


class Verdict(StrEnum):
    """What to do after a try; ``gone``: nothing is sent to this destination any more."""

    DELIVERED = "delivered"
    RETRY = "retry"
    GONE = "gone"
    DEAD = "dead"


def next_try(attempt: int, retry_after_s: int | None = None) -> int | None:
    """Tell how long to wait after a failed try, 1 being the first, in seconds; ``None`` after the last one.

    Args:
        retry_after_s: what the receiver asked for: it may make the wait longer, up to a day, never shorter.
    """
    if attempt < 1:
        raise ValueError("the first try is 1")
    if attempt > len(RETRIES_S):
        return None
    return max(RETRIES_S[attempt - 1], min(retry_after_s or 0, RETRIES_S[-1]))


def judge(status: int | None, attempt: int) -> Verdict:
    """Judge a try, 1 being the first, by its answer (Standard Webhooks 1.0.0, "Delivery success and failure")."""
    if status is not None and 200 <= status < 300:
        return Verdict.DELIVERED
    if status == 410:
        return Verdict.GONE
    return Verdict.DEAD if next_try(attempt) is None else Verdict.RETRY
