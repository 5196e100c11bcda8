"""portevoix listen: what a notifyUrl would be told, told to a URL of this machine."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import click
import httpx2

from portevoix.cli.service import on_service
from portevoix.client import AccessDenied, Event, SignedNotice, VoicePartner, VoicePartnerError

#: As long as Portevoix waits for a notifyUrl.
RECEIVER_TIMEOUT_S = 15.0


class LocalUrl(click.ParamType[str]):
    """Where notices go. It has no query: a deposit's notice is the query, and that is what is signed."""

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Parse the URL."""
        text = str(value)
        try:
            parts = urlsplit(text)
            httpx2.URL(text)
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname)
        except (ValueError, httpx2.InvalidURL):
            is_url = False
        if not is_url or "?" in text or "#" in text:
            self.fail(f"not an http:// or https:// URL without a query: {text!r}", param, ctx)
        return text


@click.command(name="listen")
@click.option("--forward-to", "target", type=LocalUrl(), required=True, help="Where notices go, without a query.")
@click.option("--after", help="The event to go on after; from now on, where none is given, and 0 for all.")
@on_service
def command(voice: VoicePartner, target: str, after: str | None) -> None:
    """Forward what a notifyUrl would be told of each message to a URL of this machine, signed; Ctrl-C ends it."""
    try:
        _tell_secret(voice)
        click.echo(f"forwarding to {target}")
        with httpx2.Client(timeout=RECEIVER_TIMEOUT_S, trust_env=False) as receiver:
            for event in voice.events(after, signed=True, when_lost=_tell_lost):
                if event.webhook is not None:
                    click.echo(_forward(receiver, target, event, event.webhook))
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


def _tell_secret(voice: VoicePartner) -> None:
    try:
        click.echo(f"signed with {voice.webhook_secret()}")
    except AccessDenied:
        click.echo("the key may not read the signing secret: 'portevoix account webhook-secret ACCOUNT' tells it")


def _tell_lost(fault: VoicePartnerError) -> None:
    click.echo(f"{fault}; connecting again", err=True)


def _forward(receiver: httpx2.Client, target: str, event: Event, notice: SignedNotice) -> str:
    """Send one notice as it was signed; tells how that ended. It is tried once."""
    url = target if notice.query is None else f"{target}?{notice.query}"
    content = None if notice.body is None else notice.body.encode()
    headers = dict(notice.headers)
    if content is not None and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = "application/json"
    began_s = time.monotonic()
    try:
        status = str(receiver.request(notice.method, url, headers=headers, content=content).status_code)
    except httpx2.TimeoutException:
        status = "no answer in time"
    except httpx2.HTTPError as problem:
        status = f"failed: {type(problem).__name__}"
    took_ms = round(1_000 * (time.monotonic() - began_s))
    subject = event.data.get("call", event.data.get("message", ""))
    return f"{event.at:%H:%M:%S}  {event.id}  {event.type}  {subject}  {notice.method}  {status}  {took_ms} ms"
