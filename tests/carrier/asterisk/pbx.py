"""A real Asterisk for tests: Debian sid's, chrooted in the folder that ``.ci/asterisk`` makes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
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
from tests.conftest import NO_ASTERISK
from tests.parts import PATIENCE_S, free_port

ETC = Path(__file__).parent / "etc"
KNOWN = Credentials("portevoix", "s3cret")  # of etc/ari.conf
ROOT = Path(os.environ.get("PORTEVOIX_TEST_ASTERISK", "/nowhere"))

needs_asterisk = pytest.mark.skipif(
    os.geteuid() != 0 or not (ROOT / "ready").exists(),
    reason=f"{NO_ASTERISK}: set PORTEVOIX_TEST_ASTERISK to a folder, and run .ci/asterisk as root",
)


class Pbx:
    """An Asterisk of the tests' own.

    Args:
        folder: of its configuration, as Asterisk sees it.
        server: where its ARI answers.
        far: the port at which its trunk's far end is expected.
    """

    def __init__(self, folder: PurePosixPath, server: Server, far: int) -> None:
        self.folder = folder
        self.server = server
        self.far = far
        self._process: subprocess.Popen[bytes]

    @property
    def here(self) -> Path:
        """Its folder, as we see it."""
        return ROOT / self.folder.relative_to("/")

    @property
    def process_id(self) -> int:
        """The process that it is."""
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers: no event tells of that."""
        self._process = subprocess.Popen(
            ("chroot", str(ROOT), "/usr/sbin/asterisk", "-f", "-C", str(self.folder / "asterisk.conf")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + PATIENCE_S
        while "PJSIP" not in self.ask("endpoints/PJSIP/far"):
            assert self._process.poll() is None, (self.here / "messages").read_text(errors="replace")
            assert time.monotonic() < until, "Asterisk does not answer"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._process.kill()
        self._process.wait()

    def ask(self, path: str, made: Mapping[str, str] | None = None) -> str:
        """Ask ARI for something, or to make something; empty where nobody answers."""
        with (
            httpx2.Client(auth=(KNOWN.username, KNOWN.password), trust_env=False) as client,
            suppress(httpx2.HTTPError),
        ):
            where = f"http://{self.server}/ari/{path}"
            return (client.get(where) if made is None else client.post(where, params=made)).text
        return ""

    async def is_quiet(self) -> None:
        """Wait until it has no channel and no bridge any more."""
        async with asyncio.timeout(PATIENCE_S):
            while [self.ask(path) for path in ("channels", "bridges")] != ["[]", "[]"]:  # noqa: ASYNC110
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


@contextmanager
def asterisk(rtp_ports: int = 500) -> Iterator[Pbx]:
    """Run an Asterisk on free ports of the loopback, with so many for media, two a call."""
    (ROOT / "srv").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tests-", dir=ROOT / "srv") as folder:
        pbx = Pbx(PurePosixPath("/srv") / Path(folder).name, Server(HERE, free_port()), free_udp_port())
        _configure(pbx, rtp_ports)
        pbx.start()
        try:
            yield pbx
        finally:
            pbx.kill()


def _configure(pbx: Pbx, rtp_ports: int) -> None:
    first = 40_000 + free_udp_port() % 40 * 500
    values = {
        "FOLDER": str(pbx.folder),
        "MODULES": "/" + str(next(ROOT.glob("usr/lib/*/asterisk/modules")).relative_to(ROOT)),
        "ARI": str(pbx.server.port),
        "SIP": str(free_udp_port()),
        "FAR": str(pbx.far),
        "RTP_FIRST": str(first),
        "RTP_LAST": str(first + rtp_ports - 1),
    }
    for path in ETC.glob("*.conf"):
        text = path.read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        (pbx.here / path.name).write_text(text, encoding="utf-8")
