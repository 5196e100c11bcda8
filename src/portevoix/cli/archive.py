"""portevoix archive: move what is over to its month, write months to files, erase the calls of old ones."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from portevoix.cli.printing import json_option, print_json, print_table
from portevoix.cli.session import MONTH, on_house
from portevoix.domain.archive import Exported, Month, Moved
from portevoix.ports import House
from portevoix.service import archive
from portevoix.settings import Settings


@click.command(name="archive")
@click.option(
    "--keep-months",
    type=click.IntRange(1, 1_200),
    help="Whole months before this one that stay where they are [PORTEVOIX_KEEP_MONTHS, default 3].",
)
@click.option("--dry-run", is_flag=True, help="Show what would move and be erased, and change nothing.")
@click.option(
    "--export",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Then write every archived month to files in FOLDER.",
)
@click.option(
    "--erase-calls-before",
    "erase_before",
    type=MONTH,
    help="Then erase the calls of the months before MONTH for good, with people's numbers.",
)
@click.option("--yes", is_flag=True, help="Erase without asking, also what is not exported.")
@json_option
@on_house
async def command(
    house: House,
    keep_months: int | None,
    folder: Path | None,
    erase_before: Month | None,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Move what was over before the last months to its month, where it is seen as before.

    It may be stopped at any point and run again, beside a running server.
    """
    keep = keep_months or Settings.read(os.environ).keep_months
    if erase_before is not None and erase_before > (kept := archive.kept_from(house, keep)):
        raise click.UsageError(f"calls from {kept} on are kept: --erase-calls-before is at most {kept}")
    if not (erase_before is None or dry_run or yes or folder or sys.stdin.isatty()):
        raise click.UsageError("nobody can be asked: --erase-calls-before needs --yes, or --export")
    due = await archive.due(house, keep)
    if dry_run:
        await _show_due(house, due, erase_before, as_json=as_json)
        return
    told: dict[str, object] = {"moved": await _move(house, keep, due, as_json=as_json)}
    told["left"] = await house.archive.not_archived(archive.kept_from(house, keep))
    if told["left"] and not as_json:
        click.echo(f"of {told['left']} messages something is under way, a webhook or a refund: the next run takes it")
    if erase_before:  # what is not archived by now would be erased without having been exported
        await archive.erasable(house, keep, erase_before)
    if folder:
        told["exported"] = await _export(house, folder, as_json=as_json)
    if erase_before:
        told |= await _erase(house, keep, erase_before, is_agreed=yes or folder is not None, as_json=as_json)
    if as_json:
        print_json(told)


async def _show_due(house: House, due: archive.Due, erase_before: Month | None, *, as_json: bool) -> None:
    moves = [(str(month), messages, calls) for month, messages, calls in due]
    erases = list(map(str, await house.archive.with_calls(erase_before))) if erase_before else []
    if erase_before:
        erases = sorted({*erases, *(month for month, _, _ in moves if month < str(erase_before))})
    if as_json:
        would_move = {month: {"messages": messages, "calls": calls} for month, messages, calls in moves}
        print_json({"would_move": would_move, "would_erase": erases})
        return
    if moves:
        print_table(("would move", "messages", "calls"), list(moves))
    else:
        click.echo("nothing to archive")
    for month in erases:
        click.echo(f"would erase the calls of {month}")


async def _move(house: House, keep: int, due: archive.Due, *, as_json: bool) -> dict[str, dict[str, int]]:
    moved: dict[str, Moved] = {}
    with _bar(sum(calls for _, _, calls in due)) as advance:

        def tell(month: Month, part: Moved) -> None:
            moved[str(month)] = moved.get(str(month), Moved()).and_(part)
            advance(part.calls)

        await archive.archive(house, keep, tell)
    if not as_json:
        if moved:
            print_table(("moved", *Moved._fields), [(month, *rows) for month, rows in sorted(moved.items())])
        else:
            click.echo("nothing to archive")
    return {month: rows._asdict() for month, rows in sorted(moved.items())}


@contextmanager
def _bar(calls: int) -> Iterator[Callable[[int], None]]:
    """Show how far it is, where somebody looks."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=calls, label="moving calls", file=sys.stderr) as bar:
        yield bar.update


async def _export(house: House, folder: Path, *, as_json: bool) -> list[dict[str, object]]:
    exported: list[Exported] = []
    async for one in archive.export(house, folder):
        exported.append(one)
        if not as_json:
            rows = ", ".join(f"{table} {count}" for table, count in one.rows.items())
            click.echo(f"{'exported' if one.is_new else 'was exported before'}: {folder / one.name}: {rows}")
    return [{"month": str(one.month), "folder": one.name, "rows": one.rows, "is_new": one.is_new} for one in exported]


async def _erase(house: House, keep: int, before: Month, *, is_agreed: bool, as_json: bool) -> dict[str, object]:
    months = await archive.erasable(house, keep, before)
    if months and not is_agreed:
        named = ", ".join(map(str, months))
        click.confirm(f"Erase the calls of {named} for good? They were not exported just now.", abort=True, err=True)

    def tell(month: Month) -> None:
        if not as_json:
            click.echo(f"erased the calls of {month}")

    covered = await archive.erase_calls(house, keep, before, tell)
    if not as_json:
        click.echo(f"took people's numbers out of {covered} events" if months or covered else "no calls to erase")
    return {"erased": [str(month) for month in months], "events_covered": covered}
