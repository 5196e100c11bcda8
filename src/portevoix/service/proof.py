"""What the far end said in a call's first seconds, kept for proof, and erased after its time."""

from __future__ import annotations

from datetime import timedelta

from portevoix.domain.account import Access
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.campaign import parse_call_id
from portevoix.ports import House

ERASED_AT_ONCE = 200


async def hear_call(house: House, access: Access, call: str) -> TelephoneAudio:
    """Read what is kept of one of the account's calls: of its last attempt that has something.

    Raises:
        CallNotFound, CallErased, CallNotRecorded.
    """
    campaign, position = parse_call_id(call)
    await house.campaigns.call(access.account_id, campaign, position)
    return await house.campaigns.recorded(access.account_id, campaign, position)


async def erase_old(house: House, keep_days: int) -> int:
    """Erase what was kept for so many days, a batch at a time; tells how many calls' that was."""
    before = house.clock.now() - timedelta(days=keep_days)
    erased = 0
    while count := await house.calls.erase_recorded(before, ERASED_AT_ONCE):
        erased += count
    return erased
