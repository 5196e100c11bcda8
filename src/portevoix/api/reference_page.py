"""The page at /docs: the OpenAPI description, to be read by people. No script, nothing from elsewhere."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from portevoix.web.answer import Answer, Headers

STYLE_PATH = "/docs/style.css"
HTML = b"text/html; charset=utf-8"

_CSS = b"text/css; charset=utf-8"


def policy(allowed: str) -> Headers:
    """Write the headers of a page: it may load what is allowed here, and nothing else from anywhere."""
    rules = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return (b"content-security-policy", rules.encode()), (b"referrer-policy", b"no-referrer")


@cache
def templates() -> Environment:
    """Open the pages' templates; what they are given is escaped."""
    return Environment(
        loader=PackageLoader("portevoix.api"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(description: dict[str, Any], base_url: str) -> Answer:
    """Write the page.

    Args:
        description: an OpenAPI document.
        base_url: where the reader reached this server, for the commands to paste.
    """
    environment = templates()
    environment.filters["code_marks"] = _code_marks
    environment.filters["shape"] = lambda schema: _shape(schema, description["components"]["schemas"])
    environment.filters["success"] = _success
    environment.filters["commands"] = _commands
    environment.filters["kind"] = _kind
    page = environment.get_template("reference.html").render(
        api=description, base_url=base_url.rstrip("/"), style=STYLE_PATH
    )
    return Answer(200, page.encode(), HTML, policy("style-src 'self'"))


def style() -> Answer:
    """Return the page's stylesheet."""
    text = files("portevoix.api").joinpath("static", "reference.css").read_bytes()
    return Answer(200, text, _CSS)


def _success(operation: dict[str, Any]) -> dict[str, Any] | None:
    """Find the schema of an operation's success; none where it is empty, or no JSON."""
    for status, response in operation["responses"].items():
        if status.startswith("2") and "application/json" in response.get("content", {}):
            schema: dict[str, Any] = response["content"]["application/json"]["schema"]
            return schema
    return None


def _commands(operation: dict[str, Any], method: str, path: str, base_url: str) -> list[str]:
    """Write the commands that call an operation, to be pasted."""
    place = base_url + path.replace("{apiKey}", "YOUR_KEY").replace("{token}", "TOKEN")
    if "{apiKey}" in path:
        return [f"curl {place}"]
    verb = "" if method == "get" else f" -X {method.upper()}"
    content = operation.get("requestBody", {}).get("content", {})
    body = ""
    if content:
        body = " -F file=@message.mp3" if "multipart/form-data" in content else " --json @body.json"
    commands = [f"curl{verb} -H 'Authorization: Bearer YOUR_KEY'{body} {place}"]
    if {"query": []} in operation["security"] and method == "get":
        commands.append(f"curl '{place}?apiKey=YOUR_KEY'")
    return commands


def _kind(schema: dict[str, Any]) -> str:
    """Say what a parameter may be: its choices, or its type."""
    if "anyOf" in schema:
        return ", ".join(_kind(option) for option in schema["anyOf"] if option.get("type") != "null")
    return ", ".join(map(str, schema["enum"])) if "enum" in schema else str(schema.get("type", ""))


def _code_marks(text: str) -> Markup:
    """Set what stands between backquotes as code."""
    parts = text.split("`")
    marked = [Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)]
    return Markup("").join(marked)


def _shape(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """Draw a schema as an indented example whose values are types."""
    return json.dumps(_sample(schema, schemas), indent=2, ensure_ascii=False)


def _sample(schema: dict[str, Any], schemas: dict[str, Any]) -> object:
    if "$ref" in schema:
        return _sample(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "const" in schema:
        return schema["const"]
    if schema.get("examples"):
        return schema["examples"][0]
    if "anyOf" in schema:
        return " | ".join(str(_sample(option, schemas)) for option in schema["anyOf"])
    if schema.get("type") == "object":
        return {name: _sample(field, schemas) for name, field in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [_sample(schema.get("items", {}), schemas)]
    return schema.get("type", "any")
