"""A real Asterisk for tests: Debian sid's, chrooted in the folder that ``.ci/asterisk`` makes."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

import httpx2
import pytest

from portevoix.carrier.asterisk.carrier import AsteriskCarrier, OnHealth
from portevoix.carrier.asterisk.terms import AsteriskTerms
from portevoix.domain.dialling import Dial
from portevoix.domain.number import Number
from portevoix.domain.trunk import CallerId, Credentials, DialTemplate, Engine, Server, Trunk
from tests.carrier.sip import trunk as sip
from tests.carrier.sip.trunk import HERE, LANDLINE, MOBILE, SystemClock, free_udp_port
from tests.parts import PATIENCE_S, free_port

ETC = Path(__file__).parent / "etc"
KNOWN = Credentials("portevoix", "s3cret")  # of etc/ari.conf
ROOT = Path(os.environ.get("PORTEVOIX_TEST_ASTERISK", "/nowhere"))

needs_asterisk = pytest.mark.skipif(
    os.geteuid() != 0 or not (ROOT / "ready").exists() or shutil.which("sipp") is None,
    reason="no Asterisk: set PORTEVOIX_TEST_ASTERISK to a folder, and run .ci/asterisk as root; sipp is needed too",
)


class Pbx:
    """An Asterisk of one test's own.

    Args:
        folder: of its configuration, as Asterisk sees it.
        server: where its ARI answers.
        far: the port at which its trunk's far end is expected.
    """

    def __init__(self, folder: PurePosixPath, server: Server, far: int) -> None:
        self.folder = folder
        self.server = server
        self.far = far
        self._process: asyncio.subprocess.Process

    @property
    def here(self) -> Path:
        """Its folder, as we see it."""
        return ROOT / self.folder.relative_to("/")

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            *("chroot", str(ROOT), "/usr/sbin/asterisk", "-f", "-C", str(self.folder / "asterisk.conf")),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(PATIENCE_S):
            while "PJSIP" not in await self.ask("endpoints/PJSIP/far"):  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """End it at once, as a crash does."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def ask(self, path: str) -> str:
        """Ask ARI for something; empty where nobody answers."""
        async with httpx2.AsyncClient(auth=(KNOWN.username, KNOWN.password), trust_env=False) as client:
            with suppress(httpx2.HTTPError):
                return (await client.get(f"http://{self.server}/ari/{path}")).text
        return ""

    async def is_quiet(self) -> None:
        """Wait until it has no channel and no bridge any more."""
        async with asyncio.timeout(PATIENCE_S):
            while [await self.ask(path) for path in ("channels", "bridges")] != ["[]", "[]"]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def terms(self, **changed: Any) -> AsteriskTerms:
        """Set up calls through it."""
        folders = {"sounds": self.here / "sounds", "seen_as": self.folder / "sounds"}
        return AsteriskTerms(**{**folders, "tail_ms": 60, "analyser": "", **changed})

    @asynccontextmanager
    async def carrier(
        self, on_health: OnHealth = lambda trunk, up: None, **changed: Any
    ) -> AsyncIterator[AsteriskCarrier]:
        """Run a carrier beside it."""
        async with AsteriskCarrier(self.terms(**changed), SystemClock(), on_health=on_health) as made:
            yield made

    def trunk(self, **changed: Any) -> Trunk:
        """Make a trunk of it: its endpoint ``far``."""
        given: dict[str, Any] = {"server": self.server, "credentials": KNOWN, "caller_id": CallerId(LANDLINE)}
        return Trunk(id=1, name="far", engine=Engine.ASTERISK, **{**given, **changed})

    def dial(self, port: int, alaw: bytes = b"\xd5" * 800, number: Number = MOBILE, **changed: Any) -> Dial:
        """Ask for a call to a far end on this machine.

        Args:
            port: where it listens.
        """
        template = changed.pop("template", f"PJSIP/far/sip:{{e164}}@{HERE}:{port}")
        over = changed.pop("over", self.trunk())
        way = sip.Way(over, DialTemplate(template).target(number), over.caller_id.shown(None))
        return sip.dial(over, alaw, number, **{"path": way, **changed})


@asynccontextmanager
async def asterisk() -> AsyncIterator[Pbx]:
    """Run an Asterisk on free ports of the loopback."""
    (ROOT / "srv").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tests-", dir=ROOT / "srv") as folder:
        pbx = Pbx(PurePosixPath("/srv") / Path(folder).name, Server(HERE, free_port()), free_udp_port())
        _configure(pbx)
        await pbx.start()
        try:
            yield pbx
        finally:
            await pbx.kill()


def _configure(pbx: Pbx) -> None:
    first = 40_000 + free_udp_port() % 100 * 100
    values = {
        "FOLDER": str(pbx.folder),
        "MODULES": "/" + str(next(ROOT.glob("usr/lib/*/asterisk/modules")).relative_to(ROOT)),
        "ARI": str(pbx.server.port),
        "SIP": str(free_udp_port()),
        "FAR": str(pbx.far),
        "RTP_FIRST": str(first),
        "RTP_LAST": str(first + 99),
    }
    for path in ETC.glob("*.conf"):
        text = path.read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        (pbx.here / path.name).write_text(text, encoding="utf-8")
