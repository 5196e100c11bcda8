"""Both clients, asked alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import pytest

from portevoix.client import AsyncVoicePartner, Credit, VoicePartner
from tests.client.hosted import Hosted

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
