"""python -m bench: measure parts of Portevoix, each beside a baseline in the same run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from bench import publish, report, table
from bench.figure import Figure, Run, Skipped
from bench.machine import this_machine
from bench.parts import LONG, PARTS
from portevoix import logs

FEWEST_PAIRS = 5


@click.command(
    help=f"Measure PARTs ({', '.join(PARTS)}), or all but {', '.join(LONG)}.\n\nPrints what was found, and keeps it."
)
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)), metavar="[PART]...")
@click.option(
    "--pairs",
    type=click.IntRange(FEWEST_PAIRS),
    default=FEWEST_PAIRS,
    show_default=True,
    help="How often each thing is measured beside its baseline.",
)
@click.option(
    "--largest",
    type=click.IntRange(1_000),
    default=10**7,
    show_default=True,
    help="The most calls that growth fills a database with: 100000 takes minutes, 10000000 an hour.",
)
@click.option(
    "--soak-calls",
    type=click.IntRange(1_000),
    default=200_000,
    show_default=True,
    help="How many calls a soak makes; it asks five times as much.",
)
@click.option(
    "--compare",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON file of an earlier run, to set this one beside.",
)
@click.option(
    "--publish",
    "published",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A JSON file of a run, to write the README's figures and the curves from; measures nothing. May be repeated.",
)
def main(
    parts: tuple[str, ...],
    pairs: int,
    largest: int,
    soak_calls: int,
    compare: Path | None,
    published: tuple[Path, ...],
) -> None:
    """Measure, or publish."""
    if published:
        _publish(published)
        return
    logs.set_up("error", "text")
    before = report.read(compare) if compare else None
    began = datetime.now(UTC)
    figures: list[Figure] = []
    skipped: dict[str, str] = {}
    run = Run(pairs, lambda line: click.echo(f"==> {line}", err=True), skipped.__setitem__, largest, soak_calls)
    for part in dict.fromkeys(parts or (part for part in PARTS if part not in LONG)):
        try:
            figures += PARTS[part](run)
        except Skipped as why:
            skipped[part] = str(why)
    found = report.Report(began, this_machine(), pairs, figures, skipped)
    _show(found)
    if before:
        click.echo(f"\nBeside the run of {before.at:%Y-%m-%d %H:%M} UTC:")
        click.echo(table.of_changes(before.figures, figures))
    sys.exit(0 if figures else 1)


def _publish(results: Sequence[Path]) -> None:
    try:
        written = publish.publish([report.read(path) for path in results])
    except publish.OtherMachine as error:
        raise click.ClickException(str(error)) from error
    for path in written:
        click.echo(f"wrote {path.relative_to(publish.ROOT)}")


def _show(found: report.Report) -> None:
    click.echo(f"{found.at:%Y-%m-%d %H:%M} UTC, medians of {found.pairs} interleaved pairs")
    click.echo(f"{table.of_machine(found.machine)}\n")
    if found.figures:
        click.echo(table.of_figures(found.figures))
    for part, why in found.skipped.items():
        click.echo(f"\n{part} was skipped: {why}")
    if found.figures:
        click.echo(f"\nKept in bench/results/{found.keep().name}")


if __name__ == "__main__":
    main()
