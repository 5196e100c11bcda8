"""Numbers of simulated phones that are answered."""

from __future__ import annotations

from portevoix.domain.number import Number


def phones(count: int) -> tuple[Number, ...]:
    """Name phones out of the block for fiction, up to a thousand: each is answered."""
    assert count <= 1_000, "a hundred ringing times, ten endings from 00 to 09"
    return tuple(Number.parse(f"06399 8{place // 10:02}0{place % 10}") for place in range(count))
