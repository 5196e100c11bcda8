"""Both clients, asked alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import pytest

from portevoix.client import AsyncVoicePartner, Credit, VoicePartner
from tests.cli.commands import Commands
from tests.client.driven import Driven
from tests.client.hosted import Hosted
from tests.parts import Server, new_folder

Ask = Callable[..., Awaitable[Credit]]


async def _ask(key: str, **options: object) -> Credit:
    with VoicePartner(key, **options) as voice:  # type: ignore[arg-type]
        return voice.credits()


async def _ask_asynchronously(key: str, **options: object) -> Credit:
    async with AsyncVoicePartner(key, **options) as voice:  # type: ignore[arg-type]
        return await voice.credits()


@pytest.fixture(params=[_ask, _ask_asynchronously], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Ask for the credit with either client: ``await ask(key, base_url=…)``."""
    found: Ask = request.param
    return found


@pytest.fixture
def hosted() -> Iterator[Hosted]:
    with Hosted() as hosted:
        yield hosted


#: Simulated phones live as fast as they can, and webhooks may come to this machine.
FAST = {"PORTEVOIX_SIMULATOR_SPEED": "max", "PORTEVOIX_WEBHOOKS_ALLOW": "127.0.0.0/8", "PORTEVOIX_LIMIT_V2": "off"}


@pytest.fixture(scope="session")
def fast() -> Iterator[Server]:
    """A real ``portevoix serve`` whose simulated phones wait for nothing."""
    with new_folder("fast") as folder, Server(folder, FAST) as running:
        yield running


@pytest.fixture(scope="session")
def operator(fast: Server) -> Iterator[Commands]:
    """Commands beside that server."""
    with Commands(fast.data) as commands:
        yield commands


@pytest.fixture
def keys(operator: Commands) -> dict[str, str]:
    """The keys of a new account with 100 € on both ledgers."""
    opened: dict[str, str] = operator.json("account", "create", "Mairie", "--credit", "100", "--json")
    return opened


@pytest.fixture(params=["sync", "async"])
def voice(request: pytest.FixtureRequest, fast: Server, keys: dict[str, str]) -> Iterator[VoicePartner]:
    """Either client of a new account's sandbox, used alike."""
    if request.param == "sync":
        with VoicePartner(keys["test_key"], base_url=fast.url) as client:
            yield client
    else:
        with Driven(keys["test_key"], base_url=fast.url) as driven:
            yield driven  # type: ignore[misc]
