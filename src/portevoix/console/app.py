"""The console, put together."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from portevoix.console import rendering
from portevoix.console.door import Door, refused
from portevoix.console.page import Needs, Page, Visit
from portevoix.console.pages import (
    calls,
    campaigns,
    developers,
    home,
    ledger,
    operator,
    operator_account,
    operator_people,
    operator_system,
    operator_tariffs,
    own,
    phones,
    recordings,
    send,
    sign_in,
)
from portevoix.domain.errors import NotFound
from portevoix.domain.limit import Limit
from portevoix.ports import House, Limits
from portevoix.web.answer import Answer
from portevoix.web.trace import trace_of

PREFIX = rendering.PREFIX

#: Every page. What is named first is tried first.
PAGES: tuple[Page, ...] = (
    *sign_in.PAGES,
    *own.PAGES,
    *operator.PAGES,
    *operator_account.PAGES,
    *operator_people.PAGES,
    *operator_system.PAGES,
    *operator_tariffs.PAGES,
    *home.PAGES,
    *send.PAGES,
    *recordings.PAGES,
    *campaigns.PAGES,
    *calls.PAGES,
    *ledger.PAGES,
    *phones.PAGES,
    *developers.PAGES,
)


async def _nothing(visit: Visit) -> Answer:
    return refused(visit, NotFound("there is nothing at this address"))


def build(house: House, limits: Limits, allowed: Mapping[str, Limit | None]) -> ASGIApp:
    """Put the console together, for requests whose path begins with ``/console``.

    Args:
        limits: counts requests.
        allowed: requests an account may make, by the limit's name; ``None`` lifts it.
    """
    routes = [Route(f"{PREFIX}/static/{{digest}}/{{name}}", _Asset(), methods=["GET"])]
    routes += [Route(PREFIX + page.path, Door(page, house, limits, allowed), methods=[page.method]) for page in PAGES]
    nothing = Door(Page("GET", "/{rest:path}", Needs.NOBODY, _nothing), house, limits, allowed)
    return Router(routes, redirect_slashes=False, default=nothing)


class _Asset:
    """Gives the files beside the pages."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trace_of(scope).route = f"{PREFIX}/static"
        found = rendering.asset(scope["path_params"]["name"])
        await (found or Answer(404, b"", b"text/plain")).send(scope, send)
