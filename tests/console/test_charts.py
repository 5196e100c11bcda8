"""Charts bear texts, not markup."""

from __future__ import annotations

from xml.etree import ElementTree

from portevoix.console.charts import Bar, bars


def test_a_chart_bears_texts_as_they_are() -> None:
    chart = ElementTree.fromstring(str(bars("Spent & <held>", [Bar(1, "<b>1 €</b>", "<i>"), Bar(2, "2 €")])))
    assert [text.text for text in chart.iterfind(".//{*}title")] == ["Spent & <held>", "<b>1 €</b>", "2 €"]
    assert [text.text for text in chart.iterfind(".//{*}text")] == ["<i>"]
