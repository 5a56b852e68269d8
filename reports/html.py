"""The HTML report: one self-contained file.

Text from decoders is escaped, and a content security policy backs that up.
"""

import base64
import hashlib
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from nnc_conformance.reference.syntax.rules import RULES
from nnc_conformance.reports import drawings, drift
from nnc_conformance.reports.changes import CHANGE_KINDS
from nnc_conformance.reports.glossary import GLOSSARY
from nnc_conformance.reports.report import HEADLINES, Report
from nnc_conformance.reports.tally import TONES, tone
from nnc_conformance.reports.text import visible
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.results.stream_limits import limit_notes

SHOWN_CHANGES: Final = 500
"""Changes since an earlier run listed before the rest is only counted."""


def render_html(report: Report) -> str:
    """Render the report as one HTML document that refers to nothing outside itself."""
    return render_page(
        "report.html.jinja",
        style=resource("report.css"),
        script=resource("report.js"),
        report=report,
        numbers={decoder.info.name: number for number, decoder in enumerate(report.decoders)},
        drawings=drawings,
        drift=drift,
        tone=tone,
        tones=TONES,
        outcomes=OUTCOMES,
        rules=RULES,
        limit_notes=limit_notes,
        headlines=HEADLINES,
        change_kinds=CHANGE_KINDS,
        shown_changes=SHOWN_CHANGES,
        glossary=GLOSSARY,
    )


def render_page(template: str, *, style: str, script: str = "", **context: Any) -> str:
    """Render a template as one HTML document with an inline style sheet and script.

    Everything else is escaped. The content security policy allows this style and this script only.
    """
    scripts = f"script-src '{_digest(script)}'; " if script else ""
    policy = f"default-src 'none'; style-src '{_digest(style)}'; {scripts}img-src data:; base-uri 'none'; form-action 'none'"
    environment = Environment(
        loader=FunctionLoader(resource), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.finalize = lambda value: visible(value) if type(value) is str else value
    return environment.get_template(template).render(style=Markup(style), script=Markup(script), policy=policy, **context)


def resource(name: str) -> str:
    """Return the text of a file in ``templates``."""
    return files("nnc_conformance.reports.templates").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the hash by which a content security policy allows an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
