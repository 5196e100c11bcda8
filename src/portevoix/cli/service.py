"""What the commands on a service share: its key, its address, and how its refusals are told."""

from __future__ import annotations

import functools
from collections.abc import Callable

import click

from portevoix.client import VoicePartner, VoicePartnerError
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
            raise click.ClickException(str(error)) from None

    return command
