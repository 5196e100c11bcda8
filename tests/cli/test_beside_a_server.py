"""The commands beside a running server, which sees at once what they did; and what a script may rely on."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from portevoix.cli import COMMANDS
from portevoix.store.migrate import migrations
from tests.cli.commands import Commands
from tests.parts import Server, portevoix


@pytest.fixture
def account(commands: Commands) -> str:
    """An account with 19 € on both ledgers."""
    return str(commands.json("account", "create", "Mairie", "--credit", "19", "--json")["account"])


def code_of(server: Server, key: str) -> int | None:
    """Ask for the credit with a key; gives the refusal's code."""
    code: int | None = httpx2.get(f"{server.url}/v1/me/{key}", trust_env=False).json().get("code")
    return code


def lines_of(commands: Commands, account: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(commands.said("ledger", "statement", account, "--csv"))))


def test_an_account_is_created_with_a_key_and_credit_for_each_ledger(server: Server, commands: Commands) -> None:
    opened = commands.json("account", "create", "Mairie", "--credit", "19.5", "--json")
    assert list(opened) == ["account", "live_key", "test_key"]
    assert re.fullmatch(r"acct_[0-9a-z]{12}", opened["account"])
    for mode in ("live", "test"):
        key = opened[f"{mode}_key"]
        assert re.fullmatch(rf"pv_{mode}_[0-9a-f]{{64}}", key)
        assert httpx2.get(f"{server.url}/v1/me/{key}", trust_env=False).json()["credit"] == "19.5"


def test_without_json_the_keys_are_printed_once_for_people(commands: Commands) -> None:
    printed = commands.said("account", "create", "École Saint-Étienne")
    assert re.fullmatch(
        r"account   acct_\w{12}\nlive key  pv_live_\w{64}\ntest key  pv_test_\w{64}\nKeep the keys now.*\n", printed
    )


def test_an_account_is_listed_and_shown_with_its_sandbox(commands: Commands, account: str) -> None:
    listed = [row for row in commands.json("account", "list", "--json") if row["account"].startswith(account)]
    assert [row["account"] for row in listed] == [account, f"{account}/sandbox"]
    shown = commands.json("account", "show", account, "--json")
    assert shown == listed[0]
    assert {name: shown[name] for name in ("name", "state", "available", "held", "parent", "tariff")} == {
        "name": "Mairie", "state": "active", "available": "19", "held": "0", "parent": None, "tariff": None,
    }  # fmt: skip
    assert account in commands.said("account", "list")


def test_credit_added_twice_with_one_key_is_added_once(commands: Commands, account: str) -> None:
    command = ("credit", "add", account, "50", "--idempotency-key", "invoice-7", "--json")
    first, again = commands.json(*command), commands.json(*command)
    assert (first["available"], first["repeated"]) == ("69", False)
    assert again == {**first, "repeated": True}
    other = commands.run("credit", "add", account, "51", "--idempotency-key", "invoice-7")
    assert (other.returncode, other.stderr) == (1, "Error: the idempotency key was used for another command\n")
    assert "done before" in commands.said("credit", "add", account, "50", "--idempotency-key", "invoice-7")
    assert commands.json("account", "show", account, "--json")["available"] == "69"


def test_credit_added_without_a_key_is_added_each_time(commands: Commands, account: str) -> None:
    for available in ("19.05", "19.1"):
        assert commands.json("credit", "add", account, "0.05", "--json")["available"] == available


def test_a_key_lives_from_its_creation_to_its_revocation(server: Server, commands: Commands, account: str) -> None:
    made = commands.json("key", "create", account, "--name", "cron", "--scopes", "read", "--json")
    assert list(made) == ["key", "secret"]
    assert code_of(server, made["secret"]) is None
    (listed,) = [key for key in commands.json("key", "list", account, "--json") if key["key"] == made["key"]]
    assert {name: listed[name] for name in ("account", "name", "hint", "scopes", "allow", "expires", "revoked")} == {
        "account": account, "name": "cron", "hint": f"{made['secret'][:8]}…{made['secret'][-4:]}", "scopes": "read",
        "allow": None, "expires": None, "revoked": None,
    }  # fmt: skip
    assert commands.said("key", "revoke", made["key"]) == f"{made['key']} is revoked\n"
    assert code_of(server, made["secret"]) == 10
    (listed,) = [key for key in commands.json("key", "list", account, "--json") if key["key"] == made["key"]]
    assert datetime.fromisoformat(listed["revoked"]) <= datetime.now(UTC)


def test_no_list_of_keys_holds_a_secret(commands: Commands) -> None:
    opened = commands.json("account", "create", "Mairie", "--json")
    printed = commands.said("key", "list", opened["account"]) + commands.said(
        "key", "list", opened["account"], "--json"
    )
    for name in ("live_key", "test_key"):
        assert opened[name] not in printed
        assert opened[name][-4:] in printed


def test_a_test_key_is_made_for_the_sandbox(server: Server, commands: Commands, account: str) -> None:
    secret = commands.json("key", "create", f"{account}/sandbox", "--json")["secret"]
    assert secret.startswith("pv_test_")
    assert code_of(server, secret) is None


def test_a_rotated_key_is_right_for_its_grace_time_and_its_successor_has_its_terms(
    server: Server, commands: Commands, account: str
) -> None:
    old = commands.json(
        "key", "create", account, "--name", "cron", "--scopes", "read,send", "--allow", "::/0,0.0.0.0/0", "--json"
    )
    new = commands.json("key", "rotate", old["key"], "--grace", "3600", "--json")
    assert [code_of(server, key["secret"]) for key in (old, new)] == [None, None]
    listed = {key["key"]: key for key in commands.json("key", "list", account, "--json")}
    ends = datetime.fromisoformat(listed[old["key"]]["expires"]) - datetime.now(UTC)
    assert timedelta(minutes=58) < ends <= timedelta(hours=1)
    for name in ("account", "name", "scopes", "allow"):
        assert listed[new["key"]][name] == listed[old["key"]][name]
    newest = commands.json("key", "rotate", new["key"], "--grace", "0", "--json")
    assert [code_of(server, key["secret"]) for key in (new, newest)] == [10, None]


def test_an_account_is_switched_off_and_on(server: Server, commands: Commands) -> None:
    opened = commands.json("account", "create", "Mairie", "--json")
    for state, code in (("disabled", 20), ("blocked", 30), ("active", None)):
        assert commands.said("account", "state", opened["account"], state) == f"{opened['account']} is {state}\n"
        assert [code_of(server, opened[name]) for name in ("live_key", "test_key")] == [code, code]
    commands.said("account", "state", f"{opened['account']}/sandbox", "disabled")
    assert [code_of(server, opened[name]) for name in ("live_key", "test_key")] == [None, 20]


def test_the_shipped_tariff_is_shown_as_a_file_that_imports(commands: Commands, account: str, tmp_path: Path) -> None:
    shown = commands.said("tariff", "show")
    assert shown.splitlines()[0] == "product,prefix,price,connection_fee,minimum_s,increment_s"
    assert "voice_mobile,33,0.06,0,0,1" in shown.splitlines()
    file = tmp_path / "tariff.csv"
    file.write_text(shown, encoding="utf-8")
    assert commands.said("tariff", "import", str(file), "--name", account).startswith(f"tariff {account}: 27 rates")
    assert commands.said("tariff", "show", account) == shown


def test_an_assigned_tariff_prices_the_account(server: Server, commands: Commands, tmp_path: Path) -> None:
    opened = commands.json("account", "create", "Mairie", "--credit", "10", "--json")
    name, file = f"cheap {opened['account']}", tmp_path / "tariff.csv"
    file.write_bytes("\ufeffproduct;prefix;price\r\ndeposit;33;0,1\r\n".encode())
    commands.said("tariff", "import", str(file), "--name", name)
    commands.said("tariff", "assign", opened["account"], name)

    def deposits() -> int:
        answer = httpx2.get(f"{server.url}/v1/me/{opened['live_key']}", trust_env=False).json()
        return int(answer["details"]["voice"]["message"])

    assert deposits() == 100
    assert commands.json("account", "show", opened["account"], "--json")["tariff"] == name
    assert "pays the default" in commands.said("tariff", "assign", opened["account"])
    assert deposits() == 66


def test_a_bad_tariff_file_is_refused_whole_with_every_bad_line_named(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "tariff.csv"
    file.write_text("product,prefix,price\ndeposit,33,0.1\ndeposit,34,0.1x\nfax,33,0.1\n", encoding="utf-8")
    before = commands.json("tariff", "list", "--json")
    done = commands.run("tariff", "import", str(file), "--name", "bad")
    assert (done.returncode, done.stdout) == (1, "")
    *named, last = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in named] == ["line 3", "line 4"]
    assert last == "Error: nothing was imported"
    assert commands.json("tariff", "list", "--json") == before


def test_the_statement_tells_every_transfer(commands: Commands, account: str) -> None:
    commands.json(
        "credit", "add", account, "5", "--reason", "facture n° 7; payée", "--idempotency-key", "k-7", "--json"
    )
    commands.json("credit", "adjust", account, "--reason", "erreur", "--json", "--", "-0.000001")
    lines = lines_of(commands, account)
    told = [
        {name: line[name] for name in ("kind", "amount", "available_change", "available_after", "reason")}
        for line in lines
    ]
    assert [tuple(line.values()) for line in told] == [
        ("top_up", "19", "19", "19", "opening credit"),
        ("top_up", "5", "5", "24", "facture n° 7; payée"),
        ("adjustment_debit", "0.000001", "-0.000001", "23.999999", "erreur"),
    ]
    assert lines[1]["idempotency_key"] == "k-7"
    assert all(datetime.fromisoformat(line["at"]).tzinfo for line in lines)
    assert commands.said("ledger", "statement", account).splitlines()[0].split()[:3] == ["transfer", "at", "kind"]


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(1)", "-1;=1+1", "-"]


def test_no_text_of_a_statement_is_a_spreadsheets_formula(commands: Commands, account: str) -> None:
    for reason in FORMULAS:
        commands.json("credit", "add", account, "1", "--reason", reason, "--json")
    commands.json("credit", "add", account, "1", "--idempotency-key", "=1+1", "--json")
    commands.json("credit", "adjust", account, "--reason", "down", "--json", "--", "-1")
    text = commands.said("ledger", "statement", account, "--csv")
    for line in csv.reader(io.StringIO(text)):
        for cell in line:
            assert not cell.startswith(("=", "+", "@", "\t", "\r", "\n"))
            assert not cell.startswith("-") or re.fullmatch(r"-\d+(\.\d+)?", cell)
    told = [line["reason"] for line in lines_of(commands, account)[1:]]
    assert [reason.removeprefix("'") for reason in told[: len(FORMULAS)]] == FORMULAS, "nothing is lost"


def test_an_empty_reason_stays_empty(commands: Commands, account: str) -> None:
    commands.json("credit", "add", account, "1", "--reason", "", "--json")
    assert lines_of(commands, account)[-1]["reason"] == ""


def test_without_a_server_a_command_starts_the_database_for_its_own_time(data_folder: Path) -> None:
    opened = portevoix("account", "create", "Mairie", "--credit", "19", "--json", data=data_folder)
    assert opened.returncode == 0, opened.stderr
    account = json.loads(opened.stdout)["account"]
    assert not (data_folder / "postgres" / "cluster" / "postmaster.pid").exists(), "it stopped what it had started"
    shown = portevoix("account", "show", account, "--json", "--data", str(data_folder), data=Path("/nowhere"))
    assert json.loads(shown.stdout)["available"] == "19", "the flag goes before the environment"
    with Server(data_folder) as server:
        found: Any = server.run("account", "show", account, "--json")
        assert found["available"] == "19"
        answer = httpx2.get(f"{server.url}/v1/me/{json.loads(opened.stdout)['live_key']}", trust_env=False)
        assert answer.json()["credit"] == "19"
    migrated = portevoix("migrate", data=data_folder)
    assert migrated.stdout == "the schema is up to date\n"


def test_the_operators_own_database_is_migrated_by_migrate_alone(empty_url: str, tmp_path: Path) -> None:
    environment = {"PORTEVOIX_DATABASE_URL": empty_url}
    refused = portevoix("account", "list", data=tmp_path, environment=environment)
    assert refused.returncode == 1
    assert refused.stderr.rstrip().endswith("run 'portevoix migrate' first")
    names = [name for name, _ in migrations()]
    migrated = portevoix("migrate", data=tmp_path, environment=environment)
    *applied, jobs = migrated.stdout.splitlines()
    assert applied == [f"applied {name}" for name in names]
    assert jobs.startswith("applied procrastinate-"), "the tables of jobs come last"
    listed = portevoix("account", "list", "--json", data=tmp_path, environment=environment)
    assert (listed.returncode, json.loads(listed.stdout)) == (0, [])
    assert not (tmp_path / "postgres").exists()


def test_the_help_lists_every_command(tmp_path: Path) -> None:
    for flag in ("--help", "-h"):
        done = portevoix(flag, data=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        listed = re.findall(r"^  ([a-z-]+)  +\S", done.stdout.partition("Commands:")[2], re.MULTILINE)
        assert listed == sorted(COMMANDS)
    assert re.fullmatch(r"portevoix \d+\.\d+\.\d+\n", portevoix("--version", data=tmp_path).stdout)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    done = portevoix(command, "--help", data=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: python -m portevoix {command} ")
