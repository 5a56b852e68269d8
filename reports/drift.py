"""Relative errors of a network's layers, as text."""

import math

from nnc_conformance.suites.results.answers import AccuracyRow, Distance, LayerDrift


def relative_error_text(measured: Distance | AccuracyRow | None) -> str:
    """Format a relative error.

    Return a dash if none was measured, as in results without layers.
    """
    if measured is None or (measured.relative_error is None and isinstance(measured, AccuracyRow) and not measured.layers):
        return "–"
    return "not finite" if measured.relative_error is None else f"{measured.relative_error:.3g}"


def worst_layer(row: AccuracyRow) -> LayerDrift | None:
    """Return the first layer with the largest relative error.

    Errors that are not finite are the largest.

    Returns None without layers.
    """
    return max(
        row.layers,
        key=lambda layer: math.inf if layer.distance.relative_error is None else layer.distance.relative_error,
        default=None,
    )


def first_drift_text(row: AccuracyRow) -> str:
    """Name the first layer that differs from the reference, with its operator if known.

    Return "" if none differs.
    """
    operator = next((layer.operator for layer in row.layers if layer.output == row.first_drift), "")
    return f"{row.first_drift or ''} ({operator})" if operator else row.first_drift or ""
