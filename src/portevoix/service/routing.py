"""Routing: whom a live account may call, over which trunk, and what is told where there is none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portevoix.domain.account import Access
from portevoix.domain.call import MEANINGS, Outcome, Report, Trace
from portevoix.domain.campaign import Kind, Offer, Priced, Refused, call_id
from portevoix.domain.dialling import Claimed, Filed, Wait
from portevoix.domain.errors import DomainError, NotFound
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.number import Number
from portevoix.domain.routing import NO_ROUTE, RESTING, Choice, NoDepositRoute, NoRoute, Route, choose, drawn, heard_of
from portevoix.domain.safety import NotAllowed, OwnAllowance, Safety, check_caps, uses
from portevoix.domain.trunk import Engine, Path, Trunk
from portevoix.ports import House
from portevoix.service.accounts import find_allowance

#: How long a trunk that does not answer is left alone; asked again meanwhile, it may be back sooner.
UNREACHABLE_S = 90

#: A closed or resting route is looked at again at the latest after so long: it may have been changed meanwhile.
LONGEST_WAIT = timedelta(hours=1)


class TableOfRoutes:
    """The routes as they were read; numbers that begin alike, and are alike, are looked at once.

    Args:
        at: the moment that counts.
    """

    def __init__(self, routes: Sequence[Route], safety: Safety, kind: Kind, at: datetime) -> None:
        self._routes = routes
        self._safety = safety
        self._kind = kind
        self._at = at
        self._longest = max((len(route.prefix) for route in routes), default=0)
        self._faults: dict[tuple[object, ...], DomainError | None] = {}
        self._first: dict[tuple[object, ...], list[Route]] = {}

    def fault(self, number: Number) -> DomainError | None:
        """Tell why a number cannot be called over any trunk."""
        reason = self._safety.fault(number)
        if reason is not None:
            return NotAllowed(reason)
        return self._faults[self._look(number)]

    def trunk_of(self, number: Number, draw: str) -> int:
        """Guess which trunk a call will take, by its number; 0 where nothing is open yet."""
        first = self._first[self._look(number)]
        return drawn(first, draw).trunk.id if first else 0

    def _look(self, number: Number) -> tuple[object, ...]:
        """Choose the routes to a number, once for all that are like it; returns what they have in common."""
        alike = (number.digits[: self._longest], number.line, number.is_fiction)
        if alike not in self._faults:
            choice = choose(self._routes, number, self._kind, self._at, draw="")
            found = [one.route for one in choice.candidates]
            self._faults[alike] = self._route_fault(choice)
            self._first[alike] = [one for one in found if one.rank == found[0].rank]
        return alike

    def _route_fault(self, choice: Choice) -> DomainError | None:
        if choice.is_served:
            return None
        if choice.lacks_deposit and self._kind is Kind.DEPOSIT:
            return NoDepositRoute("no route takes deposits for this number")
        return NoRoute("no route leads to this number")


async def routes_for(house: House, access: Access, kind: Kind) -> TableOfRoutes | None:
    """Read the routes that count for an account; ``None`` for a sandbox, whose phones are simulated."""
    if access.mode is Mode.SANDBOX:
        return None
    safety = house.policy.safety.of(access.allowance)
    return TableOfRoutes(await house.trunks.routes(), safety, kind, house.clock.now())


def sift(table: TableOfRoutes | None, offers: Iterable[Offer]) -> tuple[tuple[Offer, ...], tuple[Refused, ...]]:
    """Part recipients that can be called from those that cannot, each with its reason.

    Raises:
        NoRoute: no route leads to any of them.
        NoDepositRoute: routes lead there, but none takes deposits.
    """
    offers = tuple(offers)
    if table is None:
        return offers, ()
    faults = [(one, table.fault(one.number)) for one in offers]
    wrong = [(one, fault) for one, fault in faults if fault is not None]
    for kind in (NoRoute, NoDepositRoute):
        if wrong and len(wrong) == len(faults) and all(isinstance(fault, kind) for _, fault in wrong):
            raise kind(wrong[0][1].message.replace("this number", "any of the numbers"))
    refused = tuple(Refused(str(one.number), fault.message) for one, fault in wrong)
    return tuple(one for one, fault in faults if fault is None), refused


def queues(table: TableOfRoutes | None, campaign: str, priced: Sequence[Priced]) -> tuple[int, ...]:
    """Guess which trunk each call of a campaign will take; 0 for simulated phones."""
    if table is None:
        return (0,) * len(priced)
    return tuple(
        table.trunk_of(one.number, call_id(campaign, position)) for position, one in enumerate(priced, start=1)
    )


async def count_use(together: House, access: Access, priced: Sequence[Priced]) -> None:
    """Count what a live account sends against its caps, in the unit of work that sends.

    Raises:
        CapReached: the day's allowance does not cover it.
    """
    if access.mode is Mode.SANDBOX:
        return
    safety = together.policy.safety.of(access.allowance)
    sent = [(one.number.digits, one.most_micros) for one in priced]
    check_caps(safety, await together.trunks.use(access.account_id, uses(safety, sent, together.clock.now())))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with a claimed call of a live account.

    Args:
        route: the name that its attempt bears.
        path: over which it is dialled; ``None`` where it is refused, or waits.
        refused: what is reported at once.
        wait: what it waits for.
    """

    route: str
    path: Path | None = None
    refused: Report | None = None
    wait: Wait | None = None


async def plan(house: House, claimed: Sequence[Claimed], engines: Collection[Engine]) -> Mapping[int, Plan]:
    """Plan the calls of live accounts: each over the first of its routes, or not at all.

    Args:
        engines: those of this node.
    """
    live = [one for one in claimed if one.mode is Mode.LIVE]
    if not live:
        return {}
    routes, at = await house.trunks.routes(), house.clock.now()
    plans = {one.id: _plan(routes, house.policy.safety, one, at) for one in live}
    return {call: _left_to_others(one, engines) for call, one in plans.items()}


def _plan(routes: Sequence[Route], safety: Safety, call: Claimed, at: datetime) -> Plan:
    """Plan one call. What counted when it was sent is looked at anew: it, or the routes, may have changed."""
    fault = safety.of(OwnAllowance(countries=call.countries)).fault(call.number)
    if fault is not None:
        return Plan(NO_ROUTE, refused=_refused(Outcome.BLOCKED, at, fault))
    choice = choose(routes, call.number, call.kind, at, draw=call.public_id, tried=call.tried)
    if choice.candidates:
        route = choice.candidates[0].route
        sender = Number.parse(f"+{call.sender}") if call.sender else None
        return Plan(route.name, Path(route.trunk, route.dial.target(call.number), route.trunk.caller_id.shown(sender)))
    if choice.opens_at is not None:
        return Plan(NO_ROUTE, wait=Wait(due_at=min(choice.opens_at, at + LONGEST_WAIT)))
    return Plan(NO_ROUTE, refused=_refused(Outcome.CONGESTION, at, "no route leads to this number"))


def _left_to_others(plan: Plan, engines: Collection[Engine]) -> Plan:
    """Have a call that this node has no engine for wait in its trunk's queue, where nodes that have it look."""
    if plan.path is None or plan.path.trunk.engine in engines:
        return plan
    return Plan(NO_ROUTE, wait=Wait(plan.path.trunk.id))


def _refused(outcome: Outcome, at: datetime, why: str) -> Report:
    return Report(outcome, at, trace=(Trace(at, "not_dialled", why),))


async def usable_routes(house: House, filed: Filed) -> int:
    """Tell how many routes a call may be tried on in all: simulated ones are set; a live account's are counted."""
    if filed.mode is Mode.SANDBOX:
        return house.policy.routes
    if not MEANINGS[filed.report.outcome].rerouted:
        return filed.route + 1
    draw = call_id(filed.campaign, filed.position)
    routes = await house.trunks.routes()
    left = choose(routes, filed.number, filed.kind, house.clock.now(), draw=draw, tried=filed.tried).candidates
    return filed.route + 1 + len(left)


async def hear(house: House, filed: Sequence[Filed]) -> None:
    """Note how routes fare, from the ends of attempts over them; a lost one says nothing of its route."""
    ends = [
        (one.tried[-1], MEANINGS[one.report.outcome].rerouted)
        for one in filed
        if one.mode is Mode.LIVE and one.tried and one.report.outcome is not Outcome.LOST
    ]
    if ends:
        await house.trunks.heard(heard_of(ends), RESTING)


async def hear_trunk(house: House, trunk_id: int, *, is_reachable: bool) -> None:
    """Note whether a trunk answers its OPTIONS: one that does not is left alone, and tried again by itself."""
    down_until = None if is_reachable else house.clock.now() + timedelta(seconds=UNREACHABLE_S)
    await house.trunks.reachable(trunk_id, down_until)


async def find_trunk(house: House, name: str) -> Trunk:
    """Read a trunk. Raises NotFound."""
    found = [one.trunk for one in await house.trunks.all() if one.trunk.name == name]
    if not found:
        raise NotFound(f"there is no trunk {name}")
    return found[0]


async def explain(
    house: House, number: Number, kind: Kind, account: AccountRef | None = None
) -> tuple[str | None, Choice]:
    """Tell how a number would be called, without calling it: what forbids it, if something does, and its routes.

    Args:
        account: whose own allowance counts too, where one is named.

    Raises:
        NotFound, AllowanceOfSandbox: of the account.
    """
    safety = house.policy.safety if account is None else (await find_allowance(house, account))[1]
    routes = await house.trunks.routes()
    choice = choose(routes, number, kind, house.clock.now(), draw=number.digits)
    return safety.fault(number), choice
