"""What the tests of the wire read answers with."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

import httpx2

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


def refusal_in_json(code: int | str, message: str) -> str:
    return f'{{"success":false,"code":{code},"message":"{message}"}}'


def refusal_in_xml(code: int | str, message: str) -> str:
    return f"{DECLARATION}<result><success>false</success><code>{code}</code><message>{message}</message></result>"


def in_order(element: ElementTree.Element) -> object:
    """Read an XML answer as what JSON says, every scalar as text, null as the empty text."""
    children = list(element)
    if not children:
        return element.text or ""
    return [(child.tag, in_order(child)) for child in children]


def as_text(value: object) -> object:
    """Write a JSON answer in the form of ``in_order``."""
    if isinstance(value, dict):
        return [(name, as_text(item)) for name, item in value.items()]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def limit_headers(answer: httpx2.Response) -> tuple[int, int, int]:
    headers: Mapping[str, str] = answer.headers
    return tuple(int(headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "reset"))  # type: ignore[return-value]
