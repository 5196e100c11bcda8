"""What the engines of trunks have in common: how they are made, told of health, and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from portevoix.domain.trunk import Trunk
from portevoix.ports import Carrier

#: Told of a trunk's number, and whether it answers.
OnHealth = Callable[[int, bool], None]

OnCounted = Callable[[Mapping[str, int]], None]


class TrunkCarrier(Carrier, Protocol):
    """A carrier that keeps trunks in sight."""

    async def watch(self, trunks: Sequence[Trunk]) -> None:
        """Keep these trunks in sight, and no others."""


#: Makes a carrier for its first trunks.
Maker = Callable[[Sequence[Trunk], OnHealth], AbstractAsyncContextManager[TrunkCarrier]]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a trunk answered.

    Args:
        is_found: its host has an address.
        options: the response code to an OPTIONS, 0 for none within its time; ``None`` where none was sent.
        round_trip_ms: until that.
        registration: likewise of a REGISTER, where it wants one.
        reason: what that says in words; or why Asterisk does not answer.
        asterisk: the version that answers, empty for none; ``None`` for a trunk of the SIP engine.
        endpoint: how Asterisk's endpoint of the trunk's name fares: ``online``, ``offline``, ``unknown``, ``missing``.
        sounds: whether Asterisk can play what we lay for it: ``played``, ``unwritable``, ``no_channel``, ``unread``,
            ``unheard``; ``None`` where no folder is set.
    """

    is_found: bool
    options: int | None = None
    round_trip_ms: float | None = None
    registration: int | None = None
    reason: str | None = None
    asterisk: str | None = None
    endpoint: str | None = None
    sounds: str | None = None
