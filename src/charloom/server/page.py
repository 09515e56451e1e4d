"""The page at /docs: the OpenAPI document as plain HTML, with nothing loaded from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886 }
code { font-family: ui-monospace, monospace; font-size: 0.9em }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 0.8rem 0.2rem 0 }
th { font-weight: 600 }
:root { color-scheme: light dark }
"""


def page(document: dict[str, Any]) -> str:
    """An OpenAPI document as a page."""
    info = document["info"]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(info['title'])}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info['description'])}</p>",
        '<p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>',
    ]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2>")
            parts.append(f"<p>{escape(operation.get('description', ''))}</p>")
            schema = _json(operation.get("requestBody", {}))
            if schema:
                parts += ["<h3>Request</h3>", _fields(document, schema)]
            parts += ["<h3>Answers</h3>", "<table>"]
            for status, response in sorted(operation["responses"].items()):
                parts.append(
                    f"<tr><td><code>{status}</code></td>"
                    f"<td>{escape(response['description'])}</td></tr>"
                )
            parts.append("</table>")
            schema = _json(operation["responses"]["200"])
            if schema:
                parts.append(_fields(document, schema))
    parts.append("</body></html>")
    return "\n".join(parts)


def _json(content: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = content.get("content", {}).get("application/json", {})
    return schema.get("schema", {})


def _fields(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """What an object holds, as a table."""
    schema = _looked_up(document, schema)
    needed = schema.get("required", [])
    rows = ["<table><tr><th>name</th><th>what it is</th><th></th></tr>"]
    for name, field in schema.get("properties", {}).items():
        default = "" if field.get("default") is None else f" [{field['default']!r}]"
        about = field.get("description", "") + default
        kind = _kind(field) + (", needed" if name in needed and "default" not in field else "")
        rows.append(
            f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td>"
            f"<td>{escape(about)}</td></tr>"
        )
    return "".join([*rows, "</table>"])


def _looked_up(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def _kind(field: dict[str, Any]) -> str:
    """What a value may be, in a few words."""
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        kinds = [_kind(one) for one in field["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if field.get("type") == "array":
        return f"list of {_kind(field['items'])}"
    if "const" in field:
        return repr(field["const"])
    if "enum" in field:
        return " or ".join(map(repr, field["enum"]))
    bounds = [
        f"{words} {field[key]:g}"
        for key, words in (("minimum", "from"), ("maximum", "to"))
        if key in field
    ]
    return " ".join([str(field.get("type", "object")), *bounds])
