"""The machine that the figures were taken on: what matters for them, and nothing that names it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct

from bench.postgres import program


class Machine(Struct, frozen=True):
    """What the figures depend on.

    Args:
        cores: logical ones that this process may use.
        memory_mib: of the whole machine; 0 where it is not known.
        versions: of what the figures depend on most.
    """

    system: str
    cpu: str
    cores: int
    memory_mib: int
    python: str
    postgresql: str
    versions: dict[str, str]

    @property
    def hardware(self) -> tuple[str, str, int]:
        """What a ratio depends on, where the programs are the same."""
        return (self.system, self.cpu, self.cores)


def this_machine() -> Machine:
    """Describe the machine that this process runs on."""
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        memory_mib=_memory_mib(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        postgresql=_postgresql(),
        versions={name: version(name) for name in ("granian", "msgspec", "psycopg", "starlette", "uvloop")},
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _memory_mib() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    except (OSError, ValueError):
        return 0


def _postgresql() -> str:
    asked = subprocess.run([program("postgres"), "--version"], check=True, capture_output=True, text=True)
    return asked.stdout.strip().rpartition(" ")[2]
