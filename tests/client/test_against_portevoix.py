"""The client against a real server."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from portevoix.client import (
    AccessDenied,
    AccountBlocked,
    AccountDisabled,
    AddressDenied,
    ApiError,
    Credit,
    InvalidKey,
    MissingKey,
    RateLimited,
)
from tests.cli.commands import Commands
from tests.client.conftest import Ask
from tests.parts import Server, portevoix


@pytest.fixture
def account(commands: Commands) -> dict[str, str]:
    opened: dict[str, str] = commands.json("account", "create", "Mairie", "--credit", "19", "--json")
    return opened


async def test_the_credit_is_typed(server: Server, account: dict[str, str], ask: Ask) -> None:
    assert await ask(account["live_key"], base_url=server.url) == Credit(
        credit=Decimal(19),
        currency="€",
        mobile=timedelta(hours=5, minutes=16, seconds=40),
        landline=timedelta(hours=10, minutes=33, seconds=20),
        deposits=126,
    )


async def test_a_base_url_may_end_with_a_slash(server: Server, account: dict[str, str], ask: Ask) -> None:
    assert (await ask(account["test_key"], base_url=f"{server.url}/")).credit == 19


async def test_no_limit_is_none(server: Server, account: dict[str, str], ask: Ask, tmp_path: Path) -> None:
    free = tmp_path / "free.csv"
    free.write_text("product,prefix,price\nvoice_mobile,33,0\nvoice_landline,33,0\ndeposit,33,0\n")
    name = f"free-{account['account']}"
    for arguments in (("tariff", "import", str(free), "--name", name), ("tariff", "assign", account["account"], name)):
        assert portevoix(*arguments, data=server.data).returncode == 0
    credit = await ask(account["live_key"], base_url=server.url)
    assert (credit.mobile, credit.landline, credit.deposits) == (None, None, None)


@pytest.mark.parametrize("key", ["wrong", "pv_live_" + "0" * 64, "é?#&= %00"])
async def test_a_wrong_key_is_invalid_whatever_its_characters(server: Server, ask: Ask, key: str) -> None:
    with pytest.raises(InvalidKey) as refused:
        await ask(key, base_url=server.url)
    assert (refused.value.code, refused.value.status, refused.value.message) == (10, 401, "Clé API incorrecte")


async def test_an_empty_key_is_missing(server: Server, ask: Ask) -> None:
    with pytest.raises(MissingKey):
        await ask("", base_url=server.url)


@pytest.mark.parametrize(
    ("state", "error", "code"), [("disabled", AccountDisabled, 20), ("blocked", AccountBlocked, 30)]
)
async def test_an_account_that_is_not_active_is_told(
    server: Server, account: dict[str, str], ask: Ask, state: str, error: type[ApiError], code: int
) -> None:
    assert portevoix("account", "state", account["account"], state, data=server.data).returncode == 0
    with pytest.raises(error) as refused:
        await ask(account["live_key"], base_url=server.url)
    assert (refused.value.code, refused.value.status, refused.value.retry_after) == (code, 403, None)


@pytest.mark.parametrize(
    ("terms", "error", "code"),
    [(("--scopes", "send"), AccessDenied, 40), (("--allow", "192.0.2.0/24"), AddressDenied, 96)],
)
async def test_a_key_that_may_not_is_told(
    server: Server, account: dict[str, str], ask: Ask, terms: tuple[str, ...], error: type[ApiError], code: int
) -> None:
    made = server.run("key", "create", account["account"], "--json", *terms)
    with pytest.raises(error) as refused:
        await ask(made["secret"], base_url=server.url)
    assert (refused.value.code, refused.value.status) == (code, 403)


async def test_a_limit_is_told_with_the_time_to_wait(data_folder: Path, ask: Ask) -> None:
    with Server(data_folder, {"PORTEVOIX_LIMIT_ME": "1/hour"}) as server:
        key = server.run("account", "create", "Mairie", "--json")["live_key"]
        await ask(key, base_url=server.url)
        with pytest.raises(RateLimited) as refused:
            await ask(key, base_url=server.url)
    assert refused.value.code == 429
    assert refused.value.retry_after is not None
    assert 3500 < refused.value.retry_after <= 3600


def test_the_command_prints_a_table_or_json(server: Server, account: dict[str, str]) -> None:
    environment = {"PORTEVOIX_KEY": account["live_key"], "PORTEVOIX_URL": server.url}
    table = portevoix("credits", data=server.data, environment=environment)
    assert (table.returncode, table.stdout.splitlines()) == (
        0,
        [
            "credit              19 €",
            "voice to mobiles    5 h 16 min 40 s",
            "voice to landlines  10 h 33 min 20 s",
            "voicemail deposits  126",
        ],
    )
    in_json = portevoix("credits", "--json", data=server.data, environment=environment)
    assert json.loads(in_json.stdout) == {
        "credit": "19",
        "currency": "€",
        "mobile_s": 19_000,
        "landline_s": 38_000,
        "deposits": 126,
    }


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "nonsense", "http://[", f"http://{'a' * 64}.example", "ftp://127.0.0.1", ""]
)
def test_the_command_tells_what_went_wrong_in_one_line_without_the_key(tmp_path: Path, url: str) -> None:
    key = "pv_test_" + "7" * 64
    done = portevoix("credits", "--key", key, "--url", url, data=tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1
    assert key not in done.stderr + done.stdout
