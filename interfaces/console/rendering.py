"""Pages from templates: everything escaped, and headers that let nothing but our own style sheet in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from guardrails.proposal import one_line
from interfaces.card_words import MOST_SUSPICIOUS, against, by_text, glass_line, name, odds, reach
from interfaces.console.charts import render_svg
from interfaces.console.fields import as_typed

_HERE = Path(__file__).parent

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_environment = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters["svg"] = render_svg
_environment.filters["short"] = lambda urn: str(urn).rsplit(":", 1)[-1]
_environment.filters["clock"] = lambda at: f"{at:%d %b %H:%M:%S}"
_filters: dict[str, Any] = _environment.filters
_filters["odds"] = odds
_filters["against"] = against
_filters["name"] = name
_filters["glass_line"] = glass_line
_filters["by_text"] = by_text
_filters["value"] = one_line
_filters["reach"] = reach
_filters["as_typed"] = as_typed
_globals: dict[str, Any] = _environment.globals
_globals["most_suspicious"] = MOST_SUSPICIOUS
_environment.filters["words"] = lambda text: str(text).replace("_", " ")


def page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """`template` with `values`; a name that a template uses and nobody gave is an error, not an empty string."""
    return HTMLResponse(_environment.get_template(template).render(**values), status, HEADERS)


def style_sheet() -> str:
    return _static("console.css")


def icon() -> str:
    return _static("icon.svg")


def _static(name: str) -> str:
    return (_HERE / "static" / name).read_text(encoding="utf-8")
