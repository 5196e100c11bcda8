# SPDX-License-Identifier: MIT
"""Lists that come in pages, each of which names the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from portevoix.client.answer import Answer
from portevoix.client.key import KeyPlace
from portevoix.client.request import Request
from portevoix.client.shape import read_text

Item = TypeVar("Item")

#: How many items are asked for at once.
PAGE_ITEMS = 100


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list, and the request for the next one; ``None`` after the last."""

    items: tuple[Item, ...]
    following: Request[Page[Item]] | None


def page_of(
    path: str,
    what: str,
    read_item: Callable[[Any], Item],
    filters: Mapping[str, str] | None = None,
    *,
    after: str = "",
    limit: int = PAGE_ITEMS,
) -> Request[Page[Item]]:
    """Read a page of a list of v2, from after a place on.

    Args:
        what: names the list in errors.
        filters: the rest of the query.
    """

    def read(answer: Answer) -> Page[Item]:
        fields = answer.fields()
        with answer.reading(f"the page of {what}"):
            items = tuple(read_item(item) for item in fields["items"])
            following = None if fields["next"] is None else read_text(fields["next"])
            if following == after:
                raise ValueError("it is followed by itself")
            if following is None:
                return Page(items, None)
            return Page(items, page_of(path, what, read_item, filters, after=following, limit=limit))

    query = {"limit": str(limit)} | ({"after": after} if after else {}) | dict(filters or {})
    return Request("GET", path, KeyPlace.BEARER, read, query=query)
