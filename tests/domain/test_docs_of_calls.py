"""The diagram of a call's life is drawn from the table of its transitions."""

from __future__ import annotations

from pathlib import Path

from portevoix.domain.call import OVER, TRANSITIONS, UNDER_WAY, CallEvent, CallState

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "a-calls-life.md"


def drawn() -> str:
    """Draw the table as Mermaid: what holds for every call under way is one arrow from all of them."""
    arrows: dict[tuple[str, CallState], list[CallEvent]] = {}
    for (state, event), target in TRANSITIONS.items():
        is_shared = all(TRANSITIONS.get((one, event)) is target for one in UNDER_WAY) and state in UNDER_WAY
        events = arrows.setdefault(("under_way" if is_shared else state, target), [])
        if event not in events:
            events.append(event)
    return "\n".join(
        [
            "```mermaid",
            "flowchart TD",
            '    subgraph under_way["under way"]',
            *(f"        {state}" for state in CallState if state in UNDER_WAY),
            "    end",
            *(f"    {state}([{state}])" for state in CallState if state in OVER),
            *(f"    {state} -->|{', '.join(events)}| {target}" for (state, target), events in arrows.items()),
            "```",
        ]
    )


def test_the_diagram_of_a_calls_life_is_the_table_drawn() -> None:
    text = PAGE.read_text(encoding="utf-8")
    found = "```mermaid" + text.partition("```mermaid")[2].partition("```")[0] + "```"
    assert found == drawn()  # else put there what is drawn


def test_every_state_is_explained() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("\n## States\n")[2].partition("\n## ")[0]
    assert [state for state in CallState if f"`{state}`" not in table] == []
