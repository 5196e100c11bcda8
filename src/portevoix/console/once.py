"""Forms that do something once, however often they are sent, by a double click say: each bears a number of its own."""

from __future__ import annotations

import re

from portevoix.console.page import Visit
from portevoix.domain.errors import InvalidValue
from portevoix.domain.notice import KeptAnswer
from portevoix.ports import House

_ONCE = re.compile(r"[0-9a-f]{32}", re.ASCII)


def new_once(house: House) -> str:
    """Make a number for a form."""
    return house.entropy(16).hex()


def parse_once(visit: Visit) -> str:
    """Read the number of the form that was sent. Raises InvalidValue."""
    once = visit.field("once")
    if not _ONCE.fullmatch(once):
        raise InvalidValue("the form has no number of its own")
    return once


async def keep_once(visit: Visit, together: House, once: str, body: bytes = b"") -> bool:
    """Note in a unit of work that a form was sent; tells whether it was for the first time."""
    answer = KeptAnswer(b"", 303, "text/plain", body)
    return await together.answers.keep(visit.access.account_id, f"console-{once}", answer)
