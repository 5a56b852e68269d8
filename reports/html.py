"""The HTML report: one self-contained file. Whatever came from a decoder is escaped, and a content security policy stands behind that."""

import base64
import hashlib
from importlib.resources import files
from itertools import groupby
from typing import Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from nnc_conformance.reference.syntax.rules import RULES
from nnc_conformance.reports.changes import CHANGE_KINDS
from nnc_conformance.reports.drift import (
    DRIFT_BOTTOM,
    DRIFT_LEFT,
    DRIFT_TOP,
    DRIFT_WIDTH,
    DRIFT_ZERO,
    drift_plot,
    first_drift,
    relative,
    worst_layer,
)
from nnc_conformance.reports.figures import FIELD_WIDTH, Field, bar, field, mark, pitch_for
from nnc_conformance.reports.pictures import BAR_HEIGHT, BAR_PITCH, PLOT_LEFT, PLOT_RIGHT, PLOT_WIDTH, accuracy_plot, heat, histogram
from nnc_conformance.reports.report import HEADLINES, DecoderSummary, Report
from nnc_conformance.reports.tally import TONES, Tally, tally, tone
from nnc_conformance.reports.text import visible
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome

SHOWN_CHANGES: Final = 500
"""How many changes since an earlier run are listed."""


def render_html(report: Report) -> str:
    """The report as one HTML document without a single reference to anything outside it."""
    style, script = resource("report.css"), resource("report.js")
    policy = (
        f"default-src 'none'; style-src '{style_digest(style)}'; script-src '{style_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return environment().get_template("report.html.jinja").render(report=report, style=Markup(style), script=Markup(script), policy=policy)


def strips(report: Report, decoder: DecoderSummary) -> list[tuple[str, Tally, Field]]:
    """One strip of the picture of all cases for each level of a decoder: level, its tally, its squares."""
    pitch = pitch_for(max((len(report.of(summary.info.name)) for summary in report.decoders), default=0))
    found = []
    for level, members in groupby(report.of(decoder.info.name), key=lambda case: case.result.level):
        results = [case.result for case in members]
        found.append((level.value, tally(results), field([tone(result.outcome) for result in results], pitch)))
    return found


def numbers_of(report: Report) -> dict[str, int]:
    """Each decoder's number in the report, by name: a part of ids inside the page."""
    return {decoder.info.name: number for number, decoder in enumerate(report.decoders)}


def resource(name: str) -> str:
    """The text of a file among the templates."""
    return files("nnc_conformance.reports.templates").joinpath(name).read_text(encoding="utf-8")


def style_digest(text: str) -> str:
    """What a content security policy allows an inline style or script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def environment() -> Environment:
    """The templates' environment: everything is escaped, and made visible."""
    made = Environment(loader=FunctionLoader(resource), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.finalize = lambda value: visible(value) if type(value) is str else value
    made.globals.update(
        bar=bar,
        mark=mark,
        strips=strips,
        numbers_of=numbers_of,
        tone=tone,
        tones=TONES,
        outcomes=OUTCOMES,
        all_outcomes=list(Outcome),
        rules=RULES,
        headlines=HEADLINES,
        field_width=FIELD_WIDTH,
        heat=heat,
        histogram=histogram,
        bar_height=BAR_HEIGHT,
        bar_pitch=BAR_PITCH,
        accuracy_plot=accuracy_plot,
        plot_left=PLOT_LEFT,
        plot_width=PLOT_WIDTH,
        plot_right=PLOT_RIGHT,
        drift_left=DRIFT_LEFT,
        drift_width=DRIFT_WIDTH,
        drift_top=DRIFT_TOP,
        drift_bottom=DRIFT_BOTTOM,
        drift_zero=DRIFT_ZERO,
        drift_plot=drift_plot,
        first_drift=first_drift,
        relative=relative,
        worst_layer=worst_layer,
        change_kinds=CHANGE_KINDS,
        shown_changes=SHOWN_CHANGES,
    )
    return made
