"""Campaigns, the queue of their calls, carriers, the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.call import CallState, Report
from portevoix.domain.campaign import (
    ANY_CALL,
    Attempt,
    Call,
    CallFilter,
    Campaign,
    CampaignFilter,
    Cancelled,
    Waiting,
)
from portevoix.domain.dialling import Claimed, Conclusion, Dial, Filed, Finished, Progress, SandboxClock, Wait
from portevoix.domain.placing import Placing
from portevoix.domain.sandbox import Received
from portevoix.ports.nodes import ORDINARY, Standing
from portevoix.ports.trunks import Room


class Campaigns(Protocol):
    """Campaigns with their calls, as their owners send, see and stop them."""

    async def place(self, placing: Placing) -> None:
        """Keep a new campaign and its calls. In the unit of work that opened their holds."""

    async def find(self, account_id: int, campaign: str) -> Campaign:
        """Read one campaign. Raises CampaignNotFound, for another account's too."""

    async def newest(
        self,
        account_id: int,
        before: int | None,
        most: int,
        which: CampaignFilter | None = None,
        at: datetime | None = None,
    ) -> Sequence[tuple[int, Campaign]]:
        """Read an account's campaigns, the newest first, each with its place.

        Args:
            at: what the account's clock shows, by which some are yet to begin.
        """

    async def calls(
        self, account_id: int, campaign: str, after: int, most: int, which: CallFilter = ANY_CALL
    ) -> Sequence[Call]:
        """Read a campaign's calls in the order of the recipients, from after a position on."""

    async def call(self, account_id: int, campaign: str, position: int) -> Call:
        """Read one call. Raises CallNotFound, for another account's too, and CallErased."""

    async def at_carriers(self, account_id: int, campaign: str) -> Mapping[CallState, int]:
        """Count a campaign's calls that are with carriers now; states without any are left out."""

    async def waiting(self, account_id: int, campaign: str) -> tuple[int, int]:
        """Tell how many of a campaign's calls a cancel would cancel, and how much credit would come back."""

    async def of_holds(self, account_id: int, holds: Sequence[int]) -> Mapping[int, tuple[str, int]]:
        """Find the calls that holds were opened for: each one's campaign, and its position there."""

    async def attempts(self, account_id: int, campaign: str, position: int) -> Sequence[Attempt]:
        """Read what happened to a call."""

    async def recorded(self, account_id: int, campaign: str, position: int) -> TelephoneAudio:
        """Read what is kept of what a call's far end said. Raises CallNotRecorded, for another account's too."""

    async def pause(self, account_id: int, campaign: str) -> bool:
        """Hold back what has not begun; tells whether there was something to do."""

    async def resume(self, account_id: int, campaign: str) -> bool:
        """Let what was held back go on; tells whether there was something to do."""

    async def lock_waiting(self, account_id: int, campaign: str) -> Sequence[Waiting]:
        """Lock what is not under way, in a unit of work."""

    async def cancel(self, account_id: int, campaign: str, calls: Sequence[int], at: datetime) -> Cancelled | None:
        """Cancel calls that were locked; returns ``None`` where there was nothing to cancel."""

    async def stranded(self, most: int) -> Sequence[tuple[int, str, int]]:
        """Find cancelled campaigns with calls that wait; returns each one's account, id, and clock's offset."""

    async def sender_is_verified(self, account_id: int, number: str) -> bool:
        """Tell whether an account may show a number, given in E.164 without the plus."""

    async def verify_sender(self, account_id: int, number: str) -> None:
        """Let an account show a number."""

    async def forget_sender(self, account_id: int, number: str) -> None:
        """Let an account show a number no more. Raises NotFound."""

    async def senders(self, account_id: int) -> Sequence[str]:
        """Read the numbers that an account may show."""


class Calls(Protocol):
    """The queue of calls, and their life once they are due."""

    async def join(self, name: str, lease_s: int, standing: Standing = ORDINARY) -> int:
        """Begin as a node; returns its number."""

    async def renew(self, node: int, lease_s: int) -> bool:
        """Stay alive; tells whether the node still is."""

    async def leave(self, node: int) -> None:
        """End as a node."""

    async def claim(
        self, node: int, most: int, room: int, busy: Mapping[int, int], trunks: Sequence[Room] = ()
    ) -> Sequence[Claimed]:
        """Take due calls, in equal parts for the accounts that have some.

        Args:
            most: how many at most.
            room: how many of one account at most.
            busy: accounts that have another room than that.
            trunks: how many over each; those that are not named have room.
        """

    async def dial(
        self, node: int, dials: Sequence[tuple[Claimed, str, datetime]], trunks: Mapping[int, int] | None = None
    ) -> Mapping[int, int]:
        """Commit that claimed calls are dialled now, each over a named route; returns the number of each's attempt.

        What is not among them must not be dialled: its campaign was paused or cancelled, its account switched off, the
        node is taken for dead, or its trunk has no room.

        Args:
            trunks: which calls go over one, by its number. No two nodes together exceed its limits.
        """

    async def give_back(self, node: int, calls: Sequence[int], waits: Mapping[int, Wait] | None = None) -> None:
        """Let others claim what this node will not dial.

        Args:
            waits: what some of them wait for.
        """

    async def progress(self, said: Sequence[Progress]) -> None:
        """Note what carriers say on the way."""

    async def file(self, reports: Sequence[tuple[int, int, Report]]) -> None:
        """Keep reports of attempts' ends, each with its call and attempt; the first of each attempt counts."""

    async def erase_recorded(self, before: datetime, most: int) -> int:
        """Erase what calls' far ends said before a moment; tells how many calls' that was."""

    async def lock_filed(self, calls: Sequence[int]) -> Sequence[Filed]:
        """Lock, in a unit of work, those calls whose report nobody has acted on yet."""

    async def conclude(self, conclusions: Sequence[Conclusion]) -> Sequence[int]:
        """Let follow what was decided; returns the campaigns that are over with it. In the unit of work that locked."""

    async def finished(self, campaigns: Sequence[int]) -> Sequence[Finished]:
        """Read what is told of campaigns that are over."""

    async def filed(self, most: int, node: int | None = None) -> Sequence[int]:
        """Find calls whose report was filed, but not acted on; for a node, those that no other one lives to act on."""

    async def at_node(self, node: int) -> Sequence[tuple[int, CallState, int]]:
        """Read what a node has by the books, without a filed report: calls, their states and attempts."""

    async def forsake(self, most: int, dead_by: datetime | None) -> Sequence[tuple[int, int]]:
        """Give back what dead nodes had claimed; returns calls that they were dialling, with their attempts.

        Args:
            dead_by: nodes whose lease was over by then are dead; ``None``: those alone that have left.
        """

    async def sound(self, sha256: bytes) -> TelephoneAudio:
        """Read what a call plays."""


class Carrier(Protocol):
    """Makes calls."""

    @property
    def name(self) -> str:
        """Of the route; it is kept with each attempt."""

    async def call(self, dial: Dial, progress: Callable[[Progress], None]) -> Report:
        """Make one call, to its end; it is never asked twice for the same attempt.

        Cancelled, it hangs up. What it cannot do it reports: it raises for defects alone.

        Args:
            progress: told when the phone rings, and when it is answered.
        """


class Sandboxes(Protocol):
    """The sandbox of an account: its clock and its inbox."""

    async def clock(self, account_id: int) -> SandboxClock:
        """Read how its clock differs from ours."""

    async def advance(self, account_id: int, seconds: int) -> None:
        """Move its clock on, and wake those who wait for what is due."""

    async def is_quiet(self, account_id: int) -> bool:
        """Tell whether all that was to happen by what its clock shows has happened."""

    async def inbox(
        self, account_id: int, before: int | None, most: int, *, number: str | None = None, campaign: str | None = None
    ) -> Sequence[Received]:
        """Read what its phones received, the newest first."""

    async def received(self, account_id: int, entry: int) -> tuple[Received, TelephoneAudio]:
        """Read one of these, with its whole message. Raises NotFound."""

    async def empty(self, account_id: int) -> None:
        """Empty the inbox, mails included."""

    async def unfinished(self, account_id: int) -> tuple[Sequence[str], Sequence[tuple[int, int]]]:
        """Read which campaigns are not over, and the calls under way with their attempts."""

    async def begin_anew(self, account_id: int) -> None:
        """Set its clock right, empty its inbox, and drop what waits to be told."""
