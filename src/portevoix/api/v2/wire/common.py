"""What the shapes of v2 share: sums, seconds, pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

Units = Annotated[int, Meta(ge=0)]
Micros = Annotated[int, Meta(ge=0, description="Micro-euros: a millionth of a euro.")]
Change = Annotated[int, Meta(description="Micro-euros, below 0 where credit goes.")]
Seconds = Annotated[float, Meta(ge=0)]
Next = Annotated[str | None, Meta(description="What `after` must be for the page behind; null on the last.")]

After = Annotated[str, Meta(description="The `next` of the page before.")]

Item = TypeVar("Item")


class Page(Struct, frozen=True):
    """Which page of a list is asked for."""

    after: After = ""
    limit: Annotated[int, Meta(ge=1, le=100, description="The most items.")] = 50


def cut(found: Sequence[Item], limit: int) -> tuple[Sequence[Item], Item | None]:
    """Cut a page out of one item more than it may have; returns it, and its last item where others follow."""
    page = found[:limit]
    return page, page[-1] if len(found) > limit else None
