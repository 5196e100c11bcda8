"""The rules of the house that a tool can hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from portevoix.api.v1 import refusals, wire
from portevoix.api.v1.routes import OPERATIONS
from portevoix.api.v2.routes import OPERATIONS as V2_OPERATIONS
from portevoix.cli import main
from portevoix.settings import PREFIX, SETTINGS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "portevoix"
REFERENCE = ROOT / "docs" / "reference"

LONGEST_FILE = 500
LONGEST_FUNCTION = 70

CLOCKS = re.compile(r"\b(?:time|datetime|date)\.(?:now|utcnow|today|time|time_ns|monotonic\w*|perf_counter\w*)\b")


def sources(room: Path = SOURCE) -> list[Path]:
    found = sorted(room.rglob("*.py"))
    assert found
    return found


def floats(tree: ast.AST) -> Iterator[int]:
    """Find the lines with a float literal, a true division, or the name ``float``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno
        if isinstance(node, ast.Name) and node.id == "float":
            yield node.lineno
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
            yield node.lineno


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(group, click.Group):
        yield path, group
        return
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from commands(command, (*path, name))


def fields(kind: object) -> Iterator[str]:
    """Name every field of a message and of the messages within it."""
    if isinstance(kind, msgspec.inspect.StructType):
        for field in kind.fields:
            yield field.encode_name
            yield from fields(field.type)
    for part in getattr(kind, "types", ()):
        yield from fields(part)
    if isinstance(kind, msgspec.inspect.ListType):
        yield from fields(kind.item_type)


@pytest.mark.parametrize("path", sources(SOURCE / "domain"), ids=lambda path: path.name)
def test_the_domain_knows_no_float(path: Path) -> None:
    assert list(floats(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("path", sources(SOURCE / "domain"), ids=lambda path: path.name)
def test_the_domain_reads_no_clock(path: Path) -> None:
    assert CLOCKS.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("text", ["x = 1.5", "x = float(y)", "def f(x: float): ...", "x = 1 / 3", "x /= 2", "x = 1e6"])
def test_a_float_would_be_found(text: str) -> None:
    assert list(floats(ast.parse(text))) == [1]


@pytest.mark.parametrize("text", ["datetime.now(UTC)", "time.time()", "x = time.monotonic_ns()", "date.today()"])
def test_a_clock_would_be_found(text: str) -> None:
    assert CLOCKS.search(text)


def test_no_file_is_too_long() -> None:
    paths = [*sources(), *SOURCE.rglob("*.sql"), *SOURCE.rglob("*.html"), *SOURCE.rglob("*.css")]
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    lengths = {
        (path.name, name): length
        for path in sources()
        for name, length in functions(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert {place: length for place, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    text = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{PREFIX}{name.upper()}` | `{name}` |")]
    default = SETTINGS[name].default
    assert (f"`{default}`" if default else "none") in row


def test_no_setting_is_documented_that_nobody_knows() -> None:
    text = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    named = {name.lower() for name in re.findall(rf"^\| `{PREFIX}([A-Z0-9_]+)` \| `", text, re.MULTILINE)}
    assert named == set(SETTINGS)


COMMANDS = dict(commands(main))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_is_documented_with_all_its_parameters(path: tuple[str, ...]) -> None:
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    name = " ".join(path)
    _, found, rest = text.partition(f"`portevoix {name} ")
    assert found, f"no usage line of portevoix {name}"
    section = re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]
    for parameter in COMMANDS[path].params:
        if isinstance(parameter, click.Option):
            for option in parameter.opts:
                assert option in section, f"{name}: {option}"
        else:
            assert parameter.human_readable_name.upper() in section, f"{name}: {parameter}"


def test_no_command_is_documented_that_does_not_exist() -> None:
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    usages = re.findall(r"^`portevoix ((?:[a-z-]+ ?)+)[^`]*`$", text, re.MULTILINE)
    assert {tuple(usage.split()) for usage in usages} == set(COMMANDS)


MESSAGES = [wire.Refusal, *(operation.answer for operation in OPERATIONS)]


@pytest.mark.parametrize(
    "field", sorted({name for message in MESSAGES for name in fields(msgspec.inspect.type_info(message))})
)
def test_every_field_of_the_wire_is_documented(field: str) -> None:
    text = (REFERENCE / "v1.md").read_text(encoding="utf-8")
    assert re.search(rf"`(?:\w+\.)*{field}`", text)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_path_of_the_wire_is_documented(operation: object) -> None:
    text = (REFERENCE / "v1.md").read_text(encoding="utf-8")
    for path in operation.paths:  # type: ignore[attr-defined]
        assert f"`{operation.method} {path}" in text  # type: ignore[attr-defined]


ROWS = {row for row in (*refusals.ROWS.values(), refusals.DEFECT) if row.status != 402}


@pytest.mark.parametrize("row", sorted(ROWS, key=str), ids=lambda row: str(row.code))
def test_every_refusal_of_today_is_documented_as_it_is_told(row: refusals.Row) -> None:
    text = (REFERENCE / "v1.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if re.match(rf"\| {row.code}\b", line)]
    assert any(row.message in line and f"| {row.status} |" in line for line in rows)


V2 = (REFERENCE / "v2.md").read_text(encoding="utf-8")
LISTED = re.findall(r"^\| \[`([A-Z]+ /v2/[^`]+)`\]\(#([^)]+)\) \| [^|]+ \| `(\w+)` \| ([\d, ]+) \|$", V2, re.MULTILINE)


def test_the_list_of_v2_has_every_operation_with_its_scope_and_success_and_no_other() -> None:
    assert [(name, scope, successes.split(", ")[0]) for name, _, scope, successes in LISTED] == [
        (f"{one.method} {one.path}", str(one.scope), str(one.status)) for one in V2_OPERATIONS
    ]


def test_the_list_of_v2_leads_to_headings_that_are_there() -> None:
    headings = re.findall(r"^#+ (.*)$", V2, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert {anchor for _, anchor, *_ in LISTED} <= anchors
