"""A network namespace for one node: it is cut off from all others, and runs on."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: Addresses for documentation, so that nobody's network is meant.
OUTSIDE, INSIDE = "198.51.100.1", "198.51.100.2"


class Refused(Exception):
    """This machine does not let us make one."""


class Namespace:
    """A namespace that one cable leads into."""

    def __init__(self, name: str, cable: str) -> None:
        self.within = ("ip", "netns", "exec", name)
        self._cable = cable

    async def pull(self) -> None:
        """Pull the cable: what is sent goes nowhere, and nobody is told."""
        await _ip("link", "set", self._cable, "down")

    async def plug(self) -> None:
        """Plug it in again."""
        await _ip("link", "set", self._cable, "up")


@asynccontextmanager
async def namespace() -> AsyncIterator[Namespace]:
    """Make a namespace. Raises Refused."""
    name, near, far = f"pv-{os.getpid()}", f"pv{os.getpid()}a", f"pv{os.getpid()}b"
    try:
        await _ip("netns", "add", name)
        try:
            await _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
            await _ip("address", "add", f"{OUTSIDE}/30", "dev", near)
            await _ip("link", "set", near, "up")
            await _ip("-n", name, "address", "add", f"{INSIDE}/30", "dev", far)
            await _ip("-n", name, "link", "set", far, "up")
            await _ip("-n", name, "link", "set", "lo", "up")
            yield Namespace(name, near)
        finally:
            await _ip("netns", "delete", name)
    except (FileNotFoundError, subprocess.CalledProcessError) as refusal:
        raise Refused from refusal


async def _ip(*arguments: str) -> None:
    await asyncio.to_thread(subprocess.run, ["ip", *arguments], check=True, capture_output=True)
