"""The page at /docs: the OpenAPI description, to be read by people. No script, nothing from elsewhere."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from portevoix.api.answer import Answer

_STYLE_PATH = "/docs/style.css"
_HTML = b"text/html; charset=utf-8"
_CSS = b"text/css; charset=utf-8"
_POLICY = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
)


def render(description: dict[str, Any], base_url: str) -> Answer:
    """Write the page.

    Args:
        description: an OpenAPI document.
        base_url: where the reader reached this server, for the commands to paste.
    """
    templates = Environment(
        loader=PackageLoader("portevoix.api"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["code_marks"] = _code_marks
    templates.filters["shape"] = lambda schema: _shape(schema, description["components"]["schemas"])
    page = templates.get_template("reference.html").render(
        api=description, base_url=base_url.rstrip("/"), style=_STYLE_PATH
    )
    return Answer(200, page.encode(), _HTML, (_POLICY, (b"referrer-policy", b"no-referrer")))


def style() -> Answer:
    """Return the page's stylesheet."""
    text = files("portevoix.api").joinpath("static", "reference.css").read_bytes()
    return Answer(200, text, _CSS)


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
