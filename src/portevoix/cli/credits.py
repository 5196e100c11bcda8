"""portevoix credits: the credit of an API key, as its owner sees it."""

from __future__ import annotations

import json
from datetime import timedelta

import click

from portevoix.client import Credit, VoicePartner, VoicePartnerError
from portevoix.client.voice_partner import LOCAL


@click.command(name="credits")
@click.option("--key", envvar="PORTEVOIX_KEY", required=True, help="The API key [PORTEVOIX_KEY].")
@click.option("--url", envvar="PORTEVOIX_URL", default=LOCAL, show_default=True, help="The service [PORTEVOIX_URL].")
@click.option("--timeout", type=float, default=10.0, show_default=True, help="Seconds to wait.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def command(key: str, url: str, timeout: float, as_json: bool) -> None:
    """Show the credit of an API key and what it buys, on Portevoix or on Voice Partner."""
    try:
        with VoicePartner(key, base_url=url, timeout_s=timeout) as voice:
            credit = voice.credits()
    except VoicePartnerError as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps(_shown(credit), ensure_ascii=False, indent=2) if as_json else _table(credit))


def _shown(credit: Credit) -> dict[str, str | int | None]:
    return {
        "credit": str(credit.credit),
        "currency": credit.currency,
        "mobile_s": _seconds(credit.mobile),
        "landline_s": _seconds(credit.landline),
        "deposits": credit.deposits,
    }


def _table(credit: Credit) -> str:
    return "\n".join(
        (
            f"credit              {credit.credit} {credit.currency}",
            f"voice to mobiles    {_words(credit.mobile)}",
            f"voice to landlines  {_words(credit.landline)}",
            f"voicemail deposits  {'no limit' if credit.deposits is None else credit.deposits}",
        )
    )


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())


def _words(duration: timedelta | None) -> str:
    if duration is None:
        return "no limit"
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    return f"{minutes // 60} h {minutes % 60:02d} min {seconds:02d} s"
