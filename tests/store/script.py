"""Ledger tests that read like scripts.

One command a line; amounts in micro-euros; what follows ``!`` is the code of the error that it must end with:

    account alice
    topup alice 1000 expires 60s
    hold H1 alice 300
    tick 61s
    settle H1 180
    balance alice 0 held 0
    hold H2 alice 1 ! insufficient_credit

After the last line the ledger must be sound.
"""

from __future__ import annotations

import itertools
from datetime import timedelta

from portevoix.domain.errors import DomainError
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.ledger import GrantKind, GrantTerms
from portevoix.ports import House
from portevoix.service import accounts, credit
from tests.parts import ManualClock


class Script:
    """Plays scripts on a house; names live from one ``play`` to the next."""

    def __init__(self, house: House, clock: ManualClock) -> None:
        self.house = house
        self.clock = clock
        self.accounts: dict[str, AccountRef] = {}
        self.holds: dict[str, int] = {}
        self._keys = itertools.count(1)

    async def play(self, text: str) -> None:
        """Play a script and prove the ledger after it."""
        for line in filter(None, (line.strip() for line in text.splitlines())):
            words, _, expected = (part.strip() for part in line.partition("!"))
            try:
                await self._step(words.split())
            except DomainError as error:
                assert error.code == expected, f"{line}: ended with {error.code}"
            else:
                assert not expected, f"{line}: did not end with {expected}"
        assert await credit.check_ledger(self.house) == []

    async def _step(self, words: list[str]) -> None:
        command, *names = words
        await getattr(self, f"_{command}")(*names, options=_options(names))

    def _key(self, options: dict[str, str]) -> str:
        return options.get("key", f"step-{next(self._keys)}")

    async def _account(self, name: str, *_: str, options: dict[str, str]) -> None:
        parent = self.accounts[options["under"]].public_id if "under" in options else None
        opened = await accounts.open_account(self.house, name, parent=parent)
        self.accounts[name] = AccountRef(opened.account, Mode.LIVE)

    async def _topup(self, account: str, amount: str, *rest: str, options: dict[str, str]) -> None:
        kind = GrantKind.PROMOTIONAL if "promo" in rest else GrantKind.PAID
        expires = self.clock.now() + _duration(options["expires"]) if "expires" in options else None
        terms, key = GrantTerms(kind, expires), self._key(options)
        await credit.top_up(self.house, self.accounts[account], int(amount), key, terms=terms)

    async def _hold(self, name: str, account: str, amount: str, *_: str, options: dict[str, str]) -> None:
        ledger = (await self.house.accounts.find(self.accounts[account])).id
        held = await credit.reserve(self.house, ledger, int(amount), options.get("key", name))
        assert self.holds.setdefault(name, held.hold_id) == held.hold_id

    async def _settle(self, hold: str, used: str, *, options: dict[str, str]) -> None:
        await credit.settle(self.house, self.holds[hold], int(used))

    async def _release(self, hold: str, *, options: dict[str, str]) -> None:
        await credit.release(self.house, self.holds[hold])

    async def _refund(self, hold: str, amount: str, *_: str, options: dict[str, str]) -> None:
        await credit.refund(self.house, self.holds[hold], int(amount), self._key(options))

    async def _adjust(self, account: str, change: str, *_: str, options: dict[str, str]) -> None:
        await credit.adjust(self.house, self.accounts[account], int(change), self._key(options), "a correction")

    async def _allot(self, giver: str, receiver: str, amount: str, *_: str, options: dict[str, str]) -> None:
        refs = self.accounts[giver], self.accounts[receiver]
        await credit.allot(self.house, *refs, int(amount), self._key(options))

    async def _tick(self, duration: str, *, options: dict[str, str]) -> None:
        self.clock.moment += _duration(duration)

    async def _balance(self, account: str, available: str, *_: str, options: dict[str, str]) -> None:
        found = await self.house.accounts.find(self.accounts[account])
        assert (found.available_micros, found.held_micros) == (int(available), int(options.get("held", "0")))


def _options(words: list[str]) -> dict[str, str]:
    return {name: value for name, value in itertools.pairwise(words) if name in ("under", "expires", "key", "held")}


def _duration(text: str) -> timedelta:
    return timedelta(seconds=int(text.removesuffix("s")))
