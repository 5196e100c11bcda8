"""What the commands on a service share: its key, its address, and how its refusals are told."""

from __future__ import annotations

import functools
from collections.abc import Callable

import click

from portevoix.client import ApiError, Fault, VoicePartner, VoicePartnerError
from portevoix.client.voice_partner import LOCAL, TIMEOUT_S


def on_service(run: Callable[..., None]) -> Callable[..., None]:
    """Run a command with a client of the service that its options name; what goes wrong there ends it."""

    @click.option("--key", envvar="PORTEVOIX_KEY", required=True, help="The API key [PORTEVOIX_KEY].")
    @click.option(
        "--url", envvar="PORTEVOIX_URL", default=LOCAL, show_default=True, help="The service [PORTEVOIX_URL]."
    )
    @click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True, max=3600),
        default=TIMEOUT_S,
        show_default=True,
        help="Seconds to wait.",
    )
    @functools.wraps(run)
    def command(key: str, url: str, timeout: float, **given: object) -> None:
        try:
            with VoicePartner(key, base_url=url, timeout_s=timeout) as voice:
                run(voice, **given)
        except VoicePartnerError as error:
            _name_faults(error)
            raise click.ClickException(str(error)) from None

    return command


def told(fault: Fault) -> str:
    """Write one of the things that are wrong with a request."""
    place = "" if fault.line is None else f"line {fault.line}: "
    return f"{place}{fault.value}: {fault.reason}"


def _name_faults(error: VoicePartnerError) -> None:
    if isinstance(error, ApiError):
        for fault in error.errors:
            click.echo(told(fault), err=True)
        if error.more:
            click.echo(f"and {error.more} more", err=True)
