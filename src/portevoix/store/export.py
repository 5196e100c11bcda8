"""A month of the archive as files: a CSV of each table, compressed, and a manifest with what is in them."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from portevoix.domain.archive import Exported, Month
from portevoix.store.database import Connection
from portevoix.store.sql import queries

SQL = queries("archive")

#: What has people's numbers, or is of no use without; erased with them.
OF_CALLS = ("call", "attempt", "webhook", "webhook_attempt")
OF_MONEY = ("hold", "draw", "transfer")

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"

#: What is collected before it is compressed: COPY gives a row at a time.
BLOCK_BYTES = 1 << 20


async def write_month(connection: Connection, month: Month, folder: Path) -> Exported:
    """Write a month's tables into a folder of its own, all or nothing; readable by the owner alone.

    The same rows give the same bytes. A month whose calls were erased stays as it was written before that; where more
    of them came afterwards, it is written once more, beside that.

    Args:
        connection: in a transaction that sees one moment, and in which no other one exports or erases.
        folder: where the month's folder, ``2026-05``, is to be.

    Raises:
        OSError: it cannot be written; what stood there before still does.
    """
    ((erased_at, has_calls),) = await (await connection.execute(SQL["standing"], {"month": month.first})).fetchall()
    name = f"{month}-after-{erased_at.astimezone(UTC):%Y%m%dT%H%M%SZ}" if erased_at and has_calls else str(month)
    place = _Place(folder / name, folder / f".{name}.new", folder / f".{name}.before")
    await asyncio.to_thread(place.clear)
    if erased_at and not has_calls and (place.target / MANIFEST).exists():
        return Exported(month, name, _rows_of(json.loads((place.target / MANIFEST).read_bytes())), is_new=False)
    try:
        await asyncio.to_thread(place.aside.mkdir, 0o700, parents=True)
        tables = ("campaign", *(() if erased_at and not has_calls else OF_CALLS), *OF_MONEY)
        files = {table: await _write_table(connection, table, month, place.aside) for table in tables}
        manifest = {"format": 1, "month": str(month), "tables": files}
        is_new = await asyncio.to_thread(_put_in_place, manifest, place)
    finally:
        await asyncio.to_thread(shutil.rmtree, place.aside, ignore_errors=True)
    return Exported(month, name, _rows_of(manifest), is_new)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a month goes.

    Args:
        aside: where it is written first.
        before: where what stood there is for a moment.
    """

    target: Path
    aside: Path
    before: Path

    def clear(self) -> None:
        """Put away what an export left that was killed; what it had taken away comes back."""
        if self.before.exists() and not self.target.exists():
            self.before.rename(self.target)
        for left in (self.aside, self.before):
            if left.exists():
                shutil.rmtree(left)


async def _write_table(connection: Connection, table: str, month: Month, aside: Path) -> dict[str, Any]:
    """Write one table; tells its file, rows, bytes and digest."""
    path = aside / f"{table}.csv.gz"
    cursor = connection.cursor()
    # Neither a name nor a time in the file: the same rows give the same bytes.
    with path.open("xb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        block = bytearray()
        async with cursor.copy(SQL[f"copy_{table}"], {"month": month.first}) as copy:
            async for piece in copy:
                block += piece
                if len(block) >= BLOCK_BYTES:
                    await asyncio.to_thread(packed.write, bytes(block))
                    block.clear()
        await asyncio.to_thread(packed.write, bytes(block))
    digest = await asyncio.to_thread(_digest, path)
    return {"file": path.name, "rows": cursor.rowcount, "bytes": path.stat().st_size, "sha256": digest}


def _digest(path: Path) -> str:
    """Digest what is on the disk, not what was to be written."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put_in_place(manifest: dict[str, Any], place: _Place) -> bool:
    """Let a written month take the place of the one before; tells whether it differs from that."""
    text = json.dumps(manifest, indent=2) + "\n"
    if _stands(manifest, text, place.target):
        return False
    sums = [f"{one['sha256']}  {one['file']}\n" for one in manifest["tables"].values()]
    for name, content in ((SUMS, "".join(sums)), (MANIFEST, text)):
        with (place.aside / name).open("x", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    if place.target.exists():
        place.target.rename(place.before)
    place.aside.rename(place.target)
    _sync(place.target)
    _sync(place.target.parent)
    shutil.rmtree(place.before, ignore_errors=True)
    return True


def _stands(manifest: dict[str, Any], text: str, target: Path) -> bool:
    """Whether a folder has a month just like this, and its files are what they were."""
    try:
        return (target / MANIFEST).read_text(encoding="utf-8") == text and all(
            _digest(target / one["file"]) == one["sha256"] for one in manifest["tables"].values()
        )
    except FileNotFoundError:
        return False


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rows_of(manifest: dict[str, Any]) -> dict[str, int]:
    return {table: one["rows"] for table, one in manifest["tables"].items()}
