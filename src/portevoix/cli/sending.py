"""What sending has in common, by whatever command: its options, the price that is shown first, what is told after."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import click

from portevoix.cli.printing import euros, json_option, plain, print_json
from portevoix.cli.service import told
from portevoix.client import Message, Order, Quote, VoicePartner
from portevoix.client.request import parse_idempotency_key


class ZonedMoment(click.ParamType[datetime]):
    """A moment in ISO 8601 with its time zone: nobody is called at an hour that was guessed."""

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse the moment."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail(f"not a moment with a time zone: {value!r} (write 2026-12-31T18:00+01:00)", param, ctx)
        return moment


@dataclass(frozen=True, slots=True)
class Wish:
    """What a command line asks for beside the message.

    Args:
        file: the recipients, as CSV.
        only_quote: to be told the price, and no more.
        is_agreed: without being asked.
    """

    numbers: tuple[str, ...]
    file: Path | None
    only_quote: bool
    is_agreed: bool
    idempotency_key: str | None
    as_json: bool


def sending_options(run: Callable[..., None]) -> Callable[..., None]:
    """Give a command the arguments and options that every sending has."""
    options = (
        click.argument("numbers", nargs=-1),
        click.option(
            "--csv",
            "file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A CSV file with the numbers, instead of NUMBERS.",
        ),
        click.option("--at", type=ZonedMoment(), help="When to begin; at once, where none is given."),
        click.option("--notify-url", help="What is told of the outcome."),
        click.option("--quote", "only_quote", is_flag=True, help="Show the price, and send nothing."),
        click.option("--yes", "is_agreed", is_flag=True, help="Send without showing the price and asking first."),
        click.option(
            "--idempotency-key", default=None, help="A repeat of the command with the same key sends nothing more."
        ),
        json_option,
    )
    for option in reversed(options):
        run = option(run)
    return run


def token_of(voice: VoicePartner, given: str) -> str:
    """Find the recording that is meant: the name of a file, which is uploaded, or else a token.

    Raises:
        ClickException: the file cannot be read.
    """
    path = Path(given)
    if not path.is_file():
        if path.suffix or path.name != given:
            raise click.ClickException(f"there is no file {given}")
        return given
    try:
        token = voice.upload_audio(path).token
    except OSError as problem:
        raise click.ClickException(f"cannot read {given}: {problem.strerror or problem}") from None
    click.echo(f"{given} is uploaded: {token}", err=True)
    return token


def check(wish: Wish) -> None:
    """Refuse a command line that names no recipients, or names them twice, or that nobody could agree to."""
    if bool(wish.numbers) == (wish.file is not None):
        raise click.UsageError("give NUMBERS or --csv, one of the two")
    if not (wish.only_quote or wish.is_agreed or sys.stdin.isatty()):
        raise click.UsageError("nobody can be asked here whether to send: add --yes, or --quote for the price alone")
    try:
        parse_idempotency_key(wish.idempotency_key)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None


def carry_out(voice: VoicePartner, order: Order, wish: Wish) -> None:
    """Show the price and ask, unless told otherwise; then send.

    Args:
        order: without its recipients.
    """
    order = replace(order, numbers=wish.numbers)
    try:
        if wish.only_quote:
            _show(voice.quote(order, wish.file), as_json=wish.as_json)
            return
        if not wish.is_agreed:
            _ask(voice.quote(order, wish.file))
        message = voice.send(order, wish.file, idempotency_key=wish.idempotency_key)
    except OSError as problem:
        raise click.ClickException(f"cannot read {wish.file}: {problem.strerror or problem}") from None
    _tell(message, as_json=wish.as_json)


def _ask(quoted: Quote) -> None:
    """Show what it would cost, and ask whether to go on."""
    click.echo(_written(quoted), err=True)
    if quoted.refused or not quoted.is_affordable:
        raise click.ClickException("nothing was sent")
    click.confirm("Send?", abort=True, err=True)


def _tell(message: Message, *, as_json: bool) -> None:
    if as_json:
        print_json(plain(message))
        return
    click.echo(f"message     {message.id}")
    click.echo(f"recipients  {message.recipients}")
    click.echo(f"set aside   {euros(message.reserved)} €")
    click.echo(f"begins      {message.at.isoformat(timespec='seconds')}" if message.is_scheduled else "begins      now")
    click.echo(f"Follow it: portevoix watch {message.id}")


def _show(quoted: Quote, *, as_json: bool) -> None:
    if as_json:
        print_json(plain(quoted))
    else:
        click.echo(_written(quoted))


def _written(quoted: Quote) -> str:
    short = "" if quoted.is_affordable else ", which is more than the credit"
    return "\n".join(
        (
            *(f"refused     {told(fault)}" for fault in quoted.refused),
            f"recipients  {quoted.recipients}",
            f"length      {quoted.duration.total_seconds():.1f} s, billed as {quoted.billable_s} s",
            f"costs       at most {euros(quoted.total)} €{short}",
            f"begins      {quoted.begins_at.isoformat(timespec='seconds')}",
            f"ends        about {quoted.ends_at.isoformat(timespec='seconds')}",
        )
    )
