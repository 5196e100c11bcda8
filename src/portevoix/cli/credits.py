"""portevoix credits: the credit of an API key, as its owner sees it."""

from __future__ import annotations

from datetime import timedelta

import click

from portevoix.cli.printing import json_option, print_json
from portevoix.cli.service import on_service
from portevoix.client import Credit, VoicePartner


@click.command(name="credits")
@json_option
@on_service
def command(voice: VoicePartner, as_json: bool) -> None:
    """Show the credit of an API key and what it buys, on Portevoix or on Voice Partner."""
    credit = voice.credits()
    if as_json:
        print_json(_shown(credit))
    else:
        click.echo(_table(credit))


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
