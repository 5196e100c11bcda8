"""The command line as scripts use it, with no server running."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portevoix.store import embedded
from tests.cli.commands import Commands
from tests.parts import new_folder


class Desk:
    """A data folder, and commands on it."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def run(self, *arguments: str) -> str:
        """Run a command that succeeds; returns what it printed."""
        return self._commands.said(*arguments)

    def json(self, *arguments: str) -> Any:
        """Run a command that prints JSON."""
        return json.loads(self.run(*arguments, "--json"))

    def refuse(self, *arguments: str) -> str:
        """Run a command that is refused; returns its one line of error."""
        return self.refusals(*arguments)[-1]

    def refusals(self, *arguments: str) -> list[str]:
        """Run a command that is refused; returns all its lines of error."""
        done = self._commands.run(*arguments)
        assert done.returncode in (1, 2), done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr.strip().splitlines()

    def available(self, account: str) -> str:
        """Read an account's available credit."""
        return str(self.json("account", "show", account)["available"])


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with new_folder("cli") as folder, embedded.running(folder), Commands(folder) as commands:
        assert commands.run("migrate").returncode == 0
        yield Desk(commands)


@pytest.fixture
def account(desk: Desk) -> str:
    return str(desk.json("account", "create", "Mairie", "--credit", "19")["account"])


def test_a_new_account_has_keys_and_the_credit_on_both_ledgers(desk: Desk) -> None:
    opened = desk.json("account", "create", "École", "--credit", "19")
    assert set(opened) == {"account", "live_key", "test_key"}
    assert opened["live_key"].startswith("pv_live_")
    assert opened["test_key"].startswith("pv_test_")
    assert [desk.available(f"{opened['account']}{twin}") for twin in ("", "/sandbox")] == ["19", "19"]


def test_credit_is_added_once_for_one_idempotency_key(desk: Desk, account: str) -> None:
    first = desk.json("credit", "add", account, "50", "--idempotency-key", "order-7")
    again = desk.json("credit", "add", account, "50", "--idempotency-key", "order-7")
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert first["transfer"] == again["transfer"]
    assert desk.available(account) == "69"
    assert "another command" in desk.refuse("credit", "add", account, "51", "--idempotency-key", "order-7")
    assert desk.available(account) == "69"


def test_credit_is_corrected_with_a_reason(desk: Desk, account: str) -> None:
    desk.run("credit", "adjust", account, "--reason", "billed twice", "--", "-4.5")
    assert desk.available(account) == "14.5"
    assert "too low" in desk.refuse("credit", "adjust", account, "--reason", "too much", "--", "-15")
    assert "reason" in desk.refuse("credit", "adjust", account, "--reason", " ", "--", "1")
    assert desk.available(account) == "14.5"


def test_a_reseller_gives_credit_to_its_customer_and_takes_it_back(desk: Desk, account: str) -> None:
    child = desk.json("account", "create", "Boulangerie", "--parent", account)["account"]
    desk.run("credit", "allot", account, child, "5", "--reason", "October")
    assert (desk.available(account), desk.available(child)) == ("14", "5")
    desk.run("credit", "allot", child, account, "2")
    assert (desk.available(account), desk.available(child)) == ("16", "3")
    lines = _statement(desk, child)
    assert [(line["kind"], line["counterpart"], line["reason"]) for line in lines] == [
        ("allotment_in", account, "October"),
        ("allotment_out", account, ""),
    ]


@pytest.mark.parametrize("amount", ["0", "-1", "1e3", "0.0000001", "NaN", "1,50", "10000000001", "", "٣"])
def test_an_amount_that_is_none_is_refused_and_nothing_is_added(desk: Desk, account: str, amount: str) -> None:
    assert desk.refuse("credit", "add", account, "--", amount).startswith("Error: ")
    assert desk.available(account) == "19"


@pytest.mark.parametrize("name", ["acct_nobodynobody", "acct_", "../../etc", "", "acct_000000000000/live"])
def test_an_account_that_is_none_is_refused(desk: Desk, name: str) -> None:
    assert desk.refuse("credit", "add", name, "1").startswith("Error: ")


def test_a_key_is_made_listed_without_its_secret_rotated_and_revoked(desk: Desk, account: str) -> None:
    terms = ("--name", "Intranet", "--scopes", "read", "--allow", "192.0.2.0/24", "--expires", "2199-01-31")
    made = desk.json("key", "create", f"{account}/sandbox", *terms)
    assert made["secret"].startswith("pv_test_")
    after = desk.json("key", "rotate", made["key"], "--grace", "3600")
    desk.run("key", "revoke", made["key"])
    listed = desk.run("key", "list", account, "--json")
    assert made["secret"] not in listed
    assert after["secret"] not in listed
    keys = {key["key"]: key for key in json.loads(listed)}
    assert keys[made["key"]]["revoked"]
    successor = keys[after["key"]]
    kept = ("account", "name", "scopes", "allow", "expires", "revoked")
    assert [successor[field] for field in kept] == [
        f"{account}/sandbox", "Intranet", "read", "192.0.2.0/24", "2199-01-31T00:00:00+00:00", None,
    ]  # fmt: skip
    assert "no key" in desk.refuse("key", "revoke", "key_000000000000")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--scopes", "write"), ("--scopes", ""), ("--allow", "300.0.0.0/8"), ("--expires", "2001-01-01")],
)
def test_a_key_with_terms_that_are_none_is_refused(desk: Desk, account: str, option: str, value: str) -> None:
    assert desk.refuse("key", "create", account, option, value).startswith("Error: ")


def test_a_state_goes_for_the_sandbox_too_unless_the_sandbox_is_named(desk: Desk, account: str) -> None:
    desk.run("account", "state", account, "blocked")
    assert [desk.json("account", "show", f"{account}{twin}")["state"] for twin in ("", "/sandbox")] == ["blocked"] * 2
    desk.run("account", "state", f"{account}/sandbox", "active")
    assert [desk.json("account", "show", f"{account}{twin}")["state"] for twin in ("", "/sandbox")] == [
        "blocked",
        "active",
    ]


def test_a_low_balance_is_an_event(desk: Desk, account: str) -> None:
    desk.run("account", "low-balance", account, "15")
    desk.run("credit", "adjust", account, "--reason", "spent", "--", "-5")
    (event,) = desk.json("account", "events", account)
    assert (event["type"], event["data"]["available_micros"]) == ("credit.low", 14_000_000)
    assert desk.refuse("account", "low-balance", account, "0").startswith("Error: ")


def test_an_account_is_allowed_a_cap_and_countries_of_its_own(desk: Desk, account: str) -> None:
    everybodys = {"account": account, "cap": "10000/500", "countries": "fr gf gp mq re yt"}
    assert desk.json("account", "allow", account) == {**everybodys, "own_cap": None, "own_countries": None}
    desk.run("account", "allow", account, "--cap", "off/20", "--countries", "RE,fr be")
    own = {"own_cap": "off/20", "own_countries": "be fr re"}
    assert desk.json("account", "allow", account) == {"account": account, "cap": "off/20", "countries": "fr re", **own}
    shown = desk.json("account", "show", account)
    assert {name: shown[name] for name in own} == own
    desk.run("account", "allow", account, "--cap", "default")
    assert desk.json("account", "allow", account)["own_cap"] is None
    desk.run("account", "allow", account, "--countries", "default")
    assert desk.json("account", "allow", account) == {**everybodys, "own_cap": None, "own_countries": None}


def test_what_counts_for_an_account_is_told_with_whose_it_is(desk: Desk, account: str) -> None:
    assert desk.run("account", "allow", account).splitlines() == [
        "what       counts             whose",
        "cap        10000/500          the installation's",
        "countries  fr gf gp mq re yt  the installation's",
    ]
    assert desk.run("account", "allow", account, "--cap", "200/50", "--countries", "be").splitlines() == [
        "what       counts  whose",
        "cap        200/50  its own",
        "countries  none    its own",
        "not called all the same, as PORTEVOIX_COUNTRIES_ALLOWED lacks them: be",
    ]
    assert "sandbox" in desk.refuse("account", "allow", f"{account}/sandbox")


def test_a_tariff_goes_out_and_in_and_is_assigned(desk: Desk, account: str, tmp_path: Path) -> None:
    shown = desk.run("tariff", "show")
    assert "voice_mobile,33,0.06,0,0,1" in shown.splitlines()
    file = tmp_path / "special.csv"
    file.write_text(shown.replace("voice_mobile,33,0.06", "voice_mobile,33,0.05"), encoding="utf-8")
    desk.run("tariff", "import", str(file), "--name", "special")
    desk.run("tariff", "assign", account, "special")
    assert "voice_mobile,33,0.05,0,0,1" in desk.run("tariff", "show", "special").splitlines()
    assert desk.json("account", "show", account)["tariff"] == "special"
    assert "special" in {tariff["tariff"] for tariff in desk.json("tariff", "list")}
    desk.run("tariff", "assign", account)
    assert desk.json("account", "show", account)["tariff"] is None
    assert "no tariff" in desk.refuse("tariff", "assign", account, "nobody's")


def test_a_tariff_with_bad_lines_names_each_and_imports_nothing(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("product,prefix,price\nvoice_mobile,33,0.06\nvoice,33,1\ndeposit,x,0.1\n", encoding="utf-8")
    lines = desk.refusals("tariff", "import", str(file), "--name", "bad")
    assert [line[:7] for line in lines] == ["line 3:", "line 4:", "Error: "]
    assert "bad" not in {tariff["tariff"] for tariff in desk.json("tariff", "list")}


def test_a_statement_in_csv_is_safe_in_a_spreadsheet(desk: Desk, account: str) -> None:
    desk.run("credit", "adjust", account, "--reason", '=HYPERLINK("http://example.com")', "--", "-1.5")
    opening, correction = _statement(desk, account)
    assert (opening["kind"], opening["amount"], opening["available_after"]) == ("top_up", "19", "19")
    assert correction["available_change"] == "-1.5"
    assert correction["reason"].startswith("'=")


def test_a_sound_ledger_is_said_to_be(desk: Desk) -> None:
    assert desk.run("ledger", "check") == "the ledger is sound\n"


def _statement(desk: Desk, account: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(desk.run("ledger", "statement", account, "--csv"))))


def test_somebodys_codes_are_reset_by_address(desk: Desk) -> None:
    desk.json("operator", "create", "claire@example.org")
    assert "Claire@example.org is asked for no code" in desk.run("person", "reset-codes", "Claire@example.org")
    assert "nobody with the address" in desk.refuse("person", "reset-codes", "nobody@example.org")
