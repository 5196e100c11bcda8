"""What every operation passes through: the key, the limit, the account's state, the address, the scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Scope

from portevoix.domain import account
from portevoix.domain.account import Access
from portevoix.domain.errors import KeyMissing, KeyUnknown, RateLimited
from portevoix.domain.limit import Allowance, Limit
from portevoix.ports import Clock, House, Limits
from portevoix.service.reading import find_access
from portevoix.web.address import limited_as
from portevoix.web.answer import Headers
from portevoix.web.trace import Trace

#: What a client that reads the three headers is told where the operator has lifted the limit.
UNLIMITED = 1_000_000


@dataclass(slots=True)
class Counted:
    """What the headers of an answer say of the caller's allowance."""

    allowance: Allowance = Allowance(True, UNLIMITED, UNLIMITED, 0, 0)  # noqa: RUF009 - frozen
    retry_after_s: int = 0

    def headers(self) -> Headers:
        """Write the three headers, and ``Retry-After`` where there is something to wait for."""
        allowance = self.allowance
        told = (
            (b"x-ratelimit-limit", b"%d" % allowance.limit),
            (b"x-ratelimit-remaining", b"%d" % allowance.remaining),
            (b"x-ratelimit-reset", b"%d" % -(-allowance.reset_us // 1_000_000)),
        )
        return (*told, (b"retry-after", b"%d" % self.retry_after_s)) if self.retry_after_s else told


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets requests in, or not.

    Args:
        limits: counts requests.
        allowed: requests an account may make, by the limit's name; ``None`` lifts it.
        wrong_key: requests without a right key that an address may make.
    """

    house: House
    limits: Limits
    allowed: Mapping[str, Limit | None]
    wrong_key: Limit | None

    async def enter(self, secret: str, limit: str, scope: account.Scope, trace: Trace, counted: Counted) -> Access:
        """Find what a key leads to, count the request, and let it in.

        Args:
            secret: the key; empty where none was given.
            limit: the name of the limit that the request counts against.
            scope: what the key needs.
            trace: told of the account.
            counted: told of the allowance.

        Raises:
            KeyMissing, KeyUnknown, RateLimited, AccountDisabled, AccountBlocked, AddressRefused, ScopeRefused.
        """
        try:
            if not secret:
                raise KeyMissing("no API key was given")
            access = await find_access(self.house, secret)
        except (KeyMissing, KeyUnknown):
            await self.count_stranger(trace, counted)
            raise
        trace.account_id = access.account_id
        await self._count(f"{limit}:{access.account_id}", self.allowed[limit], counted)
        account.admit(access, scope, trace.address)
        return access

    async def count_stranger(self, trace: Trace, counted: Counted) -> None:
        """Count a request without a right key against its address. Raises RateLimited."""
        await self._count(f"address:{limited_as(trace.address)}", self.wrong_key, counted)

    def unavailable(self, limit: str, counted: Counted) -> None:
        """Tell a caller that cannot be counted now to come back in a moment."""
        most = self.allowed[limit]
        allowed = most.count if most else UNLIMITED
        counted.retry_after_s = 1
        counted.allowance = Allowance(False, allowed, 0, _unix_us(self.house.clock) + 1_000_000, 1)

    async def _count(self, caller: str, limit: Limit | None, counted: Counted) -> None:
        if limit is None:
            return
        allowance = await self.limits.count(caller, limit)
        counted.allowance = allowance
        counted.retry_after_s = allowance.retry_after_s
        if not allowance.admitted:
            raise RateLimited("too many requests")


def _unix_us(clock: Clock) -> int:
    return int(clock.now().timestamp() * 1_000_000)


def bearer(scope: Scope) -> str:
    """Find the API key that was sent as a bearer token; empty where there is none."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""
