"""portevoix recover: decide what becomes of a restored database."""

from __future__ import annotations

from datetime import datetime

import click

from portevoix.cli.session import MOMENT, on_house
from portevoix.ports import House
from portevoix.service import restoring

FAILED_OVER = "another server took over, or it was recovered to a point in time"
RESTORED = "it was restored from a backup, or copied"
TIME = "%Y-%m-%dT%H:%M:%SZ"


@click.command(name="recover")
@click.option(
    "--from-backup", is_flag=True, help="Calls may have been dialled since: end those that were due as uncertain."
)
@click.option("--nothing-lost", is_flag=True, help="Nothing was dialled that this database does not know: go on.")
@click.option(
    "--until", type=MOMENT, help="When the last node of before stopped; default: when the restore was first seen."
)
@on_house
async def command(house: House, from_backup: bool, nothing_lost: bool, until: datetime | None) -> None:
    """Decide what becomes of a database that was restored, copied or failed over; without an option, show it."""
    if from_backup and nothing_lost:
        raise click.UsageError("either --from-backup or --nothing-lost")
    if from_backup:
        uncertain = await restoring.go_on_from_backup(house, until)
        click.echo(f"{uncertain} calls are uncertain now, and what was set aside for them is free; the rest is dialled")
    elif nothing_lost:
        await restoring.go_on(house)
        click.echo("calls are dialled here as before")
    else:
        _show(await restoring.look(house, until))


def _show(doubts: restoring.Doubts) -> None:
    if not doubts.whereabouts.is_moved:
        click.echo("this database stands where it did: calls are dialled")
        return
    what = FAILED_OVER if doubts.whereabouts.is_failover else RESTORED
    click.echo(f"nothing is dialled: {what} (first seen {doubts.whereabouts.moved_at:{TIME}})")
    click.echo(f"{doubts.doubtful} calls were due by {doubts.until:{TIME}}, and may have been dialled since")
    click.echo(f"{doubts.later} calls are due later")
    click.echo("decide: portevoix recover --from-backup, or portevoix recover --nothing-lost")
