"""What the tests of notices stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from portevoix.notify.webhooks import HttpWebhooks
from tests.notify.parts import HERE, QUICK_S
from tests.notify.receiver import Receiver
from tests.parts import PATIENCE_S


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of webhooks on this machine."""
    async with Receiver() as running:
        yield running


@pytest.fixture
async def webhooks() -> AsyncIterator[HttpWebhooks]:
    """Delivers to this machine, with patience."""
    async with HttpWebhooks(HERE, timeout_s=PATIENCE_S) as opened:
        yield opened


@pytest.fixture
async def hasty() -> AsyncIterator[HttpWebhooks]:
    """Delivers to this machine, without."""
    async with HttpWebhooks(HERE, timeout_s=QUICK_S) as opened:
        yield opened
