"""Geometry of all drawings: plain numbers and SVG path data.

Templates place them and the style sheet colours them.

Templates get this package as ``drawings`` and call its functions. Read `cases` first. Layout may
change freely; the tests hold the drawings to the figures that they show.
"""

from nnc_conformance.reports.drawings.cases import case_marks, level_strips, mark_path, tally_bar
from nnc_conformance.reports.drawings.coder import coder_plot
from nnc_conformance.reports.drawings.networks import accuracy_plot, drift_plot
from nnc_conformance.reports.drawings.tensors import heat_map, histogram

__all__ = [
    "accuracy_plot",
    "case_marks",
    "coder_plot",
    "drift_plot",
    "heat_map",
    "histogram",
    "level_strips",
    "mark_path",
    "tally_bar",
]
