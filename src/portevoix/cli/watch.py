"""portevoix watch: a message, to its end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from portevoix.cli.printing import euros, json_option, plain, print_json
from portevoix.cli.service import on_service
from portevoix.client import Message, VoicePartner

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

#: How often to look while somebody looks on.
LIVE_S = 0.5


@click.command(name="watch")
@click.argument("message")
@json_option
@on_service
def command(voice: VoicePartner, message: str, as_json: bool) -> None:
    """Follow the message MESSAGE until every call is over: a bar on a terminal, else a line for each change."""
    is_live = sys.stdout.isatty() and not as_json
    with _bar(voice.message(message)) if is_live else _lines(silent=as_json) as progress:
        over = voice.wait(message, poll_s=LIVE_S if is_live else None, progress=progress)
    if as_json:
        print_json(plain(over))
        return
    click.echo(f"{over.id} is {over.state}: {_counts(over)}; {_cost(over)}")


@contextmanager
def _bar(message: Message) -> Iterator[Callable[[Message], None]]:
    """Show how far it is in one line that is drawn anew."""
    bar: ProgressBar[Message] = click.progressbar(
        length=message.recipients,
        label=message.id,
        show_eta=False,
        show_pos=True,
        item_show_func=lambda shown: None if shown is None else _line(shown),
    )
    with bar:

        def progress(found: Message) -> None:
            bar.update(found.recipients - found.open - bar.pos, found)
            bar.render_progress()

        yield progress


@contextmanager
def _lines(*, silent: bool) -> Iterator[Callable[[Message], None]]:
    """Write a line wherever something changed."""
    said = ""

    def progress(found: Message) -> None:
        nonlocal said
        line = f"{found.recipients - found.open}/{found.recipients}  {_line(found)}"
        if line != said and not silent and not found.is_over:
            click.echo(line)
        said = line

    yield progress


def _line(message: Message) -> str:
    eta = "" if message.eta is None else f"  over about {message.eta.astimezone():%H:%M:%S}"
    return f"{message.state}  {_counts(message)}  {_cost(message)}{eta}"


def _counts(message: Message) -> str:
    cancelled = f", {message.cancelled} cancelled" if message.cancelled else ""
    return f"{message.delivered} delivered, {message.undelivered} undelivered{cancelled}"


def _cost(message: Message) -> str:
    return f"{euros(message.settled)} € of at most {euros(message.reserved)} €"
