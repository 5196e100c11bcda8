"""A console, and people who use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest
from argon2 import PasswordHasher

from portevoix.domain.person import Role
from portevoix.ports import House
from portevoix.service import passwords
from portevoix.service.accounts import OpenedAccount, open_account
from portevoix.service.people import _open, add_person
from tests.conftest import Serve
from tests.console.visitor import Visitor
from tests.wire.modern import FAST

OPERATOR, MANAGER, VIEWER, STRANGER = "op@example.org", "ma@example.org", "vi@example.org", "st@example.org"


@dataclass
class People:
    """Those who are signed in: an operator, two people of one account, the manager of another."""

    operator: Visitor
    manager: Visitor
    viewer: Visitor
    stranger: Visitor
    account: OpenedAccount
    other: OpenedAccount

    @property
    def place(self) -> str:
        """Where the sandbox of the account is."""
        return f"/console/{self.account.account}/sandbox"


@pytest.fixture(autouse=True)
def hasty_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords at next to no cost: to be slow is the real thing's purpose, and no matter of these tests."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
async def http(serve: Serve, request: pytest.FixtureRequest) -> AsyncIterator[httpx2.AsyncClient]:
    """A server whose simulated phones wait for nothing, or one that a test names by its settings."""
    async with serve(**getattr(request, "param", FAST)) as client:
        yield client


@pytest.fixture
async def people(http: httpx2.AsyncClient, house: House) -> People:
    """People who are signed in. None has a password."""
    euros = 100_000_000
    account = await open_account(house, "Mairie", credit_micros=euros, sandbox_micros=euros)
    other = await open_account(house, "École", credit_micros=euros, sandbox_micros=euros)

    async def let_in(email: str, role: Role, account: str | None) -> Visitor:
        person, _ = await add_person(house, email, role, account)
        visitor = Visitor(http, token=(await _open(house, person)).token)
        await visitor.get("/console/me")
        return visitor

    return People(
        operator=await let_in(OPERATOR, Role.OPERATOR, None),
        manager=await let_in(MANAGER, Role.MANAGER, account.account),
        viewer=await let_in(VIEWER, Role.VIEWER, account.account),
        stranger=await let_in(STRANGER, Role.MANAGER, other.account),
        account=account,
        other=other,
    )
