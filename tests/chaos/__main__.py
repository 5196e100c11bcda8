"""``make chaos``: rounds of random faults over simulated calls, on nodes as processes."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos.field import Field, Terms, laid_out
from tests.chaos.rounds import Broken, Played, finish, play


def main() -> int:
    """Play rounds; returns 1 as soon as a promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="how many")
    parser.add_argument("--calls", type=int, default=200_000, help="of all rounds together")
    parser.add_argument("--workers", type=int, default=3, help="nodes that dial; one more takes orders")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9), help="replays the faults")
    parser.add_argument("--first", type=int, default=1, help="the number of the first round, to replay one")
    parser.add_argument("--minutes", type=float, default=None, help="begin no round after so many")
    parser.add_argument("--folder", type=Path, default=None, help="where it is left, to be looked at; else nowhere")
    told = parser.parse_args()
    print(f"seed {told.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="portevoix-chaos-") as folder:
        return asyncio.run(_run(told, told.folder or Path(folder)))


async def _run(told: argparse.Namespace, folder: Path) -> int:
    played: list[Played] = []
    began_s = time.monotonic()
    async with laid_out(Terms(workers=told.workers), folder) as field:
        try:
            for number in range(told.first, told.first + told.rounds):
                if told.minutes is not None and time.monotonic() - began_s > 60 * told.minutes:
                    break
                calls = told.calls // told.rounds
                played.append(await play(field, told.seed, number, calls, say=lambda line: print(line, flush=True)))
            await finish(field)
        except Broken as wrong:
            print(f"BROKEN with seed {told.seed}:\n{wrong}", flush=True)
            _tell(field, played)
            return 1
        _tell(field, played)
        print(f"all promises were kept; seed {told.seed}")
    return 0


def _tell(field: Field, played: list[Played]) -> None:
    kinds = Counter(fault.kind for one in played for fault in one.faults)
    print(f"{len(played)} rounds, {sum(one.calls for one in played)} calls, {sum(kinds.values())} faults:")
    for kind, times in kinds.most_common():
        print(f"  {times:>4} {kind.name.lower()}")
    print(f"{len(field.testimony.all)} phones were rung, {len(field.receiver.received)} webhooks taken")


if __name__ == "__main__":
    sys.exit(main())
