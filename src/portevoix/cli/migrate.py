"""portevoix migrate: bring the database's schema up to date."""

from __future__ import annotations

from pathlib import Path

import click

from portevoix import bootstrap
from portevoix.cli.session import data_option, read_settings, told_errors


@click.command(name="migrate")
@data_option
def command(data: Path | None) -> None:
    """Bring the database's schema up to date; several nodes may do so at once."""
    settings = read_settings(data=data)
    with told_errors(), bootstrap.database(settings) as url:
        applied = bootstrap.prepare(settings, url)
    click.echo("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")
