"""python -m bench: measure parts of Portevoix, each beside a baseline in the same run."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from bench import report, table
from bench.figure import Figure, Run, Skipped
from bench.machine import this_machine
from bench.parts import PARTS
from portevoix import logs

FEWEST_PAIRS = 5


@click.command(help=f"Measure PARTs ({', '.join(PARTS)}), or all.\n\nPrints what was found, and keeps it.")
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)), metavar="[PART]...")
@click.option(
    "--pairs",
    type=click.IntRange(FEWEST_PAIRS),
    default=FEWEST_PAIRS,
    show_default=True,
    help="How often each thing is measured beside its baseline.",
)
@click.option(
    "--compare",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON file of an earlier run, to set this one beside.",
)
def main(parts: tuple[str, ...], pairs: int, compare: Path | None) -> None:
    """Measure."""
    logs.set_up("error", "text")
    before = report.read(compare) if compare else None
    began = datetime.now(UTC)
    figures: list[Figure] = []
    skipped: dict[str, str] = {}
    run = Run(pairs, lambda line: click.echo(f"==> {line}", err=True), skipped.__setitem__)
    for part in dict.fromkeys(parts or PARTS):
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
