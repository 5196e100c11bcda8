"""A whole server with trunks to far ends on this machine: what an operator's test bench is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from portevoix import bootstrap
from portevoix.domain.trunk import CallerId, Credentials, Server
from portevoix.ports import House
from tests import parts
from tests.carrier.sip.trunk import HERE, LANDLINE, free_udp_port
from tests.conftest import PEPPER
from tests.notify.receiver import Receiver
from tests.parts import PATIENCE_S, portevoix
from tests.scenario.far_end import FarEnd
from tests.store.test_calls import Customer
from tests.trunks import add_route, add_trunk, policy

RTP_PORTS = 400


class Bench:
    """A server that is started once its trunks are there, with its house and a receiver of webhooks.

    Args:
        house: on the server's database.
        server: not started yet.
        environment: its settings.
    """

    def __init__(self, house: House, server: parts.Server, environment: dict[str, str], receiver: Receiver) -> None:
        self.house = house
        self.server = server
        self.receiver = receiver
        self._environment = environment

    async def lead(self, prefix: str, *ends: FarEnd, credentials: Credentials | None = None, **terms: Any) -> None:
        """Have a trunk and a route lead from a prefix to each far end, the first one asked first."""
        for priority, far in enumerate(ends):
            trunk = await add_trunk(
                self.house,
                f"to-{prefix}-{priority}",
                server=Server(HERE, far.gate.port),
                caller_id=CallerId(LANDLINE),
                credentials=credentials,
                calls_max=200,
            )
            await add_route(self.house, trunk, prefix, priority=priority, **terms)

    async def start(self) -> None:
        """Start the server."""
        await asyncio.to_thread(self.server.start)

    async def ledger_faults(self) -> str:
        """Have the command check the ledger; returns what it said, if that is not that it is sound."""
        checked = await asyncio.to_thread(
            portevoix, "ledger", "check", data=self.server.data, environment=self._environment
        )
        return "" if (checked.returncode, checked.stdout) == (0, "the ledger is sound\n") else checked.stderr


class Sender:
    """A customer's program: sends by v1, looks by v2.

    Args:
        http: bears the customer's key.
    """

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def get(self, path: str) -> Any:
        """Read something."""
        answer = await self._http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, path: str, token: str, numbers: Sequence[str], notify_url: str) -> str:
        """Send a recording; gives the message's id."""
        body = {"tokenAudio": token, "phoneNumbers": ",".join(numbers), "notifyUrl": notify_url}
        answer = await self._http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        message: str = answer.json()["campaignId"]
        return message

    async def calls(self, message: str) -> list[dict[str, Any]]:
        """Read a message's calls, 100 at most."""
        calls: list[dict[str, Any]] = (await self.get(f"/v2/messages/{message}/calls?limit=100"))["items"]
        return calls

    async def credit(self) -> tuple[int, int]:
        """Read what is available, and what is held."""
        found = await self.get("/v2/credit")
        return found["available_micros"], found["held_micros"]


@asynccontextmanager
async def bench(url: str, data: Path, **changed: str) -> AsyncIterator[Bench]:
    """Make a bench on a new database.

    Args:
        changed: settings.
    """
    # Outside of what the system hands out: the far ends take ports of those between here and the server's start. Nor
    # where other tests have their media: a process whose SIP port is taken does not begin.
    first, sip_port = 10_000 + free_udp_port() % 25 * RTP_PORTS, 5_100 + free_udp_port() % 4_000
    settings = {
        "database_url": url,
        "key_pepper": PEPPER,
        "trunk_fiction": "yes",
        "webhooks_allow": "127.0.0.0/8",
        "sip_address": f"{HERE}:{sip_port}",
        "rtp_ports": f"{first}-{first + RTP_PORTS - 1}",
        "media_processes": "1",
        **dict.fromkeys(("limit_tts", "limit_deposit", "limit_v2"), "off"),
        **dict.fromkeys(("calls_per_second", "account_calls_per_second"), "1000"),
        **changed,
    }
    environment = {f"PORTEVOIX_{name.upper()}": value for name, value in settings.items()}
    server = parts.Server(data, environment)
    async with Receiver() as receiver, bootstrap.open_house(url, PEPPER.encode(), policy=policy()) as opened:
        try:
            yield Bench(opened.house, server, environment, receiver)
        finally:
            if server.process is not None:
                await asyncio.to_thread(server.stop)


@asynccontextmanager
async def sender(bench: Bench, customer: Customer) -> AsyncIterator[Sender]:
    """Connect a customer's program to the server."""
    bearer = {"authorization": f"Bearer {customer.key}"}
    async with httpx2.AsyncClient(
        base_url=bench.server.url, trust_env=False, timeout=PATIENCE_S, headers=bearer
    ) as http:
        yield Sender(http)
