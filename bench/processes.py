"""What processes take of the memory, as the kernel counts it: Linux only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bench.figure import Skipped

PROC = Path("/proc")


class Memory(NamedTuple):
    """What processes take together, in MB of a million bytes.

    Args:
        pss_mb: a page that several processes share counts once, in parts.
        rss_mb: it counts in each.
        own_mb: what is in no file and shared with nobody: what grows where something leaks.
    """

    pss_mb: float
    rss_mb: float
    own_mb: float


def need_linux() -> None:
    """Skip what cannot be measured here."""
    if not (PROC / "self" / "smaps_rollup").exists():
        raise Skipped("this system has no /proc/*/smaps_rollup: Linux alone tells what processes share")


def family(pid: int) -> list[int]:
    """Find a process and all that descend from it, parents first; an embedded PostgreSQL is no child of a server."""
    children: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                _, _, rest = (folder / "stat").read_text(encoding="utf-8").rpartition(") ")
            except OSError:  # it has ended
                continue
            children.setdefault(int(rest.split()[1]), []).append(int(folder.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def postmaster(data: Path) -> int:
    """Find the embedded PostgreSQL of a data folder."""
    lines = (data / "postgres" / "cluster" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    return int(lines[0])


def memory(pids: Iterable[int]) -> Memory:
    """Add up what processes take; one that has ended takes nothing."""
    sums_kb = {"Pss:": 0, "Rss:": 0, "Pss_Anon:": 0}
    for pid in pids:
        try:
            rollup = (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        for line in rollup.splitlines():
            name, *rest = line.split()
            if name in sums_kb:
                sums_kb[name] += int(rest[0])
    return Memory(*(sums_kb[name] * 1.024 / 1000 for name in ("Pss:", "Rss:", "Pss_Anon:")))


def folder_mb(folder: Path) -> float:
    """Add up what a folder takes on the disk, each file once."""
    blocks = {(found.st_dev, found.st_ino): found.st_blocks for found in (path.lstat() for path in folder.rglob("*"))}
    return sum(blocks.values()) * 512 / 1e6
