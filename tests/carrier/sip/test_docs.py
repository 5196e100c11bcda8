"""The reference page of SIP says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portevoix.carrier.sip import answering, session
from portevoix.carrier.sip.causes import PLAIN, Q850, VAGUE
from portevoix.domain.call import Outcome

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "sip.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("heading", "table"), [("Plain codes", PLAIN), ("Vague codes", VAGUE), ("Q.850 causes", Q850)], ids=str
)
def test_the_causes_are_those_of_the_code(heading: str, table: dict[int, Outcome]) -> None:
    section = PAGE.partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|$", section, re.MULTILINE)
    assert {int(code): Outcome(outcome) for code, outcome in rows} == table


@pytest.mark.parametrize("module", [answering, session], ids=lambda module: module.__name__)
def test_every_word_of_a_timeline_is_listed(module: object) -> None:
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    words = re.findall(r'(?:Note|\.note)\(\s*"(\w+)"', text)
    assert words
    listed = PAGE.partition("\n## Timeline\n")[2].partition("\n## ")[0]
    assert [word for word in words if f"`{word}`" not in listed] == []
