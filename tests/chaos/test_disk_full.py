"""A disk that is full: clear refusals, nothing lost, and all goes on by itself once there is room."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest

from portevoix.store import embedded
from tests.conftest import NOT_ALLOWED
from tests.parts import PATIENCE_S, Server, portevoix

DISK = "size=220m,mode=755"
PHONES = [f"063998{ring:02}{code}" for ring in range(2) for code in range(90, 100)]
SETTINGS = {"PORTEVOIX_SIMULATOR_SPEED": "max", "PORTEVOIX_LIMIT_TTS": "off"}
LOOK_S = 0.2
MESSAGE = "Service momentanément indisponible"


@pytest.fixture
def disk(data_folder: Path) -> Iterator[Path]:
    """A small disk."""
    folder = data_folder / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", DISK, "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip(f"a disk of its own: {NOT_ALLOWED}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Fill the disk to the last byte."""
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def comes(is_so: Callable[[], bool]) -> bool:
    """Look again and again whether something is so; tells whether it came in time."""
    deadline = time.monotonic() + 2 * PATIENCE_S
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_S)
    return True


class Customer:
    """A customer's program that sends, over and over."""

    def __init__(self, server: Server) -> None:
        key = server.run("account", "create", "Mairie", "--credit", "100", "--json")["test_key"]
        self._body = {"apiKey": key, "phoneNumbers": ",".join(PHONES), "text": "Bonjour."}
        self._url = f"{server.url}/v1/tts/send"
        self.acknowledged: list[str] = []

    def send(self) -> bool:
        """Send once; tells whether it was acknowledged, and else sees that it was refused as the contract says."""
        answer = httpx2.post(self._url, json=self._body, timeout=PATIENCE_S, trust_env=False)
        if answer.status_code == 200:
            self.acknowledged.append(answer.json()["campaignId"])
            return True
        assert answer.status_code == 503, answer.text
        assert answer.json() == {"success": False, "code": 503, "message": MESSAGE}
        assert answer.headers["retry-after"] == "1"
        return False


def test_a_full_disk_refuses_loses_nothing_and_goes_on_once_there_is_room(disk: Path) -> None:
    data = disk / "var"
    with Server(data, SETTINGS) as server:
        customer = Customer(server)
        assert customer.send()
        fill(disk / "ballast")
        assert comes(lambda: not customer.send()), "the disk was full"
        assert comes(lambda: has_panicked(data)), "a write-ahead log that cannot grow ends PostgreSQL"
        assert not customer.send()
        (disk / "ballast").unlink()
        assert comes(customer.send), server.log()[-3_000:]
        assert comes(lambda: rows(data, "SELECT 1 FROM campaign WHERE open > 0") == []), server.log()[-3_000:]
        found = {name for (name,) in rows(data, "SELECT public_id FROM campaign")}
        assert set(customer.acknowledged) <= found
        assert rows(data, "SELECT held_micros FROM account WHERE held_micros <> 0") == []
        checked = portevoix("ledger", "check", data=data)
    assert (checked.returncode, checked.stdout) == (0, "the ledger is sound\n"), checked.stderr


def has_panicked(data: Path) -> bool:
    """Write to the database's log; tells whether that was its end."""
    try:
        with psycopg.connect(embedded.url(data), autocommit=True) as connection:
            connection.execute("SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 1000000))")
    except psycopg.OperationalError as fault:
        return "terminat" in str(fault) or "recovery" in str(fault) or "No such file" in str(fault)
    return False


def rows(data: Path, query: str) -> list[tuple[object, ...]]:
    """Ask the database of a data folder."""
    with psycopg.connect(embedded.url(data)) as connection:
        return connection.execute(query.encode()).fetchall()
