"""Badges for a README: the verdict in a few words."""

from typing import Final
from xml.sax.saxutils import escape

from nnc_conformance.reports.report import Report
from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.suites.results.result import Verdict

LABEL: Final = "NNC conformance"
COLOURS: Final[dict[Verdict, str]] = {Verdict.AS_EXPECTED: "2e7a67", Verdict.FAILED: "b23a22", Verdict.INCOMPLETE: "59626b"}
"""Colour of the right half, by verdict; white text on it has a contrast of at least 5."""

_HEIGHT: Final = 20
_LETTER: Final = 6.6
"""Width of a letter in pixels."""
_PADDING: Final = 12


def badge_message(report: Report) -> str:
    """Return the text of the badge's right half: the figures, or ``incomplete``.

    For one decoder these are cases passed and judged, good and broken streams apart, for several the decoders that pass.
    """
    if report.verdict is Verdict.INCOMPLETE:
        return "incomplete"
    if len(report.decoders) > 1:
        passing = sum(decoder.verdict is Verdict.AS_EXPECTED for decoder in report.decoders)
        return f"{passing} of {len(report.decoders)} decoders pass"
    figures = report.decoders[0].conformance
    word = "pass" if report.verdict is Verdict.AS_EXPECTED else "fail"
    known = f", {report.decoders[0].known} known" if report.decoders[0].known else ""
    return ", ".join((word, *(text for text, _ in figures.parts))) + known


def render_badge_endpoint(report: Report) -> str:
    """Render the JSON document of a Shields endpoint badge."""
    return canonical_json({"schemaVersion": 1, "label": LABEL, "message": badge_message(report), "color": COLOURS[report.verdict]})


def render_badge_svg(report: Report) -> str:
    """Render the badge as an SVG file."""
    message = escape(badge_message(report))
    left, right = (round(len(text) * _LETTER) + _PADDING for text in (LABEL, message))
    texts = "".join(
        f'<text x="{start + width / 2:g}" y="14" textLength="{width - _PADDING}" lengthAdjust="spacingAndGlyphs">{text}</text>'
        for start, width, text in ((0, left, LABEL), (left, right, message))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" aria-label="{LABEL}: {message}">'
        f"<title>{LABEL}: {message}</title>"
        f'<rect width="{left}" height="{_HEIGHT}" fill="#1b2127"/>'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="#{COLOURS[report.verdict]}"/>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana, DejaVu Sans, sans-serif" font-size="11">{texts}</g></svg>\n'
    )
