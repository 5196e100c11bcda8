"""One sandbox a test: nothing that a job did is left for the next."""

import pytest

from portevoix.audio.sandbox import JobModule, Sandbox
from portevoix.audio.upload import Uploads


@pytest.fixture
async def sandbox():
    async with Sandbox([JobModule("portevoix.audio.jobs"), JobModule("hostile_jobs")]) as running:
        yield running


@pytest.fixture
def uploads(sandbox):
    return Uploads(sandbox)
