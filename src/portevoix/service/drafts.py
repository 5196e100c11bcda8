"""Messages that people write in the console, and sending them once."""

from __future__ import annotations

from portevoix.domain.account import Access
from portevoix.domain.campaign import Order
from portevoix.domain.draft import Draft, DraftSent, PriceRisen, draft_id, parse_draft_id
from portevoix.domain.errors import DomainError
from portevoix.domain.placing import Placing
from portevoix.ports import House
from portevoix.service import campaigns


async def find_draft(house: House, access: Access, person_id: int, draft: str) -> Draft:
    """Read one of a person's drafts in an account. Raises DraftNotFound."""
    return await house.drafts.find(access.account_id, person_id, parse_draft_id(draft))


def new_draft(house: House) -> Draft:
    """Begin a draft."""
    return Draft(draft_id(house.entropy(16)), {})


async def keep_draft(house: House, access: Access, person_id: int, draft: Draft) -> None:
    """Keep a draft as it is now. Raises DraftSent."""
    await house.drafts.keep(access.account_id, person_id, draft)


async def send_draft(house: House, access: Access, person_id: int, draft: Draft, order: Order, most_micros: int) -> str:
    """Send what a draft says, once: whoever sends it again gets what it was sent as.

    Args:
        most_micros: what was shown as the most that it can cost.

    Returns:
        the campaign.

    Raises:
        PriceRisen: more would be set aside than was shown.
        DomainError: as ``campaigns.send`` does.
    """

    async def once(together: House, placing: Placing) -> None:
        if placing.reserved_micros > most_micros:
            raise PriceRisen("the message costs more than was shown")
        if not await together.drafts.sent(access.account_id, person_id, draft.id, placing.campaign):
            raise DraftSent("the draft was sent meanwhile")

    try:
        placing = await campaigns.send(house, access, order, once)
    except DomainError:
        # Whoever was faster may have made this impossible: has used up the credit, for instance.
        if sent_as := (await find_draft(house, access, person_id, draft.id)).campaign:
            return sent_as
        raise
    return placing.campaign
