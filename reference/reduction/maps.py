"""Performance maps (clause 6): what a tool measured at each setting, as rows, and the rows as values of the structures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nnc_conformance.reference.composer import MAP_COUNTS
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.network import Accuracy
from nnc_conformance.reference.syntax.walker import Values

MOST_ENTRIES: Final = 255
MOST_CLASSES: Final = 63
"""A class bitmask of more bits goes past what an exp-Golomb code is read to."""


@dataclass(frozen=True)
class SparsificationRow:
    """Weights whose magnitude is below ``threshold`` are 0; ``non_zero_ratio``: non-zero weights over all weights."""

    threshold: float
    non_zero_ratio: float
    accuracy: Accuracy


@dataclass(frozen=True)
class PruningRow:
    """``ratio``: removed parameters over all parameters."""

    ratio: float
    accuracy: Accuracy


@dataclass(frozen=True)
class UnificationRow:
    """Blocks whose magnitudes deviate by ``threshold`` at most are unified; ``reshaped``: () where the tensors' dimensions differ."""

    reshaped: tuple[int, ...]
    super_block: tuple[int, ...]
    block: tuple[int, ...]
    threshold: float
    accuracy: Accuracy


@dataclass(frozen=True)
class DecompositionRow:
    """``mse_threshold``: mean square error of a tensor at most; ``reduction_ratio``: parameters left over all parameters."""

    mse_threshold: float
    reduction_ratio: float
    accuracy: Accuracy


Row = SparsificationRow | PruningRow | UnificationRow | DecompositionRow


def performance_maps(rows: Iterable[Row], *, classes: bool = False) -> dict[str, Values]:
    """The maps for `composer.model_parameter_set`, by kind; ``classes``: with the accuracy of each class.

    Raises `ModelError` for more rows or classes than a map holds.
    """
    entries: dict[str, list[Values]] = {}
    for row in rows:
        kind, entry = _entry(row, classes)
        entries.setdefault(kind, []).append(entry)
    for kind, found in entries.items():
        if len(found) > MOST_ENTRIES:
            raise ModelError(f"{len(found)} rows of the {kind} map, which holds {MOST_ENTRIES}")
    return {kind: {MAP_COUNTS[kind]: len(found), "entry": found} for kind, found in entries.items()}


def _entry(row: Row, classes: bool) -> tuple[str, Values]:
    match row:
        case SparsificationRow():
            values: Values = {"sparsification_threshold": row.threshold, "non_zero_ratio": row.non_zero_ratio}
            return "sparsification", values | _accuracy("spm", row.accuracy, classes)
        case PruningRow():
            return "pruning", {"pruning_ratio": row.ratio} | _accuracy("ppm", row.accuracy, classes)
        case UnificationRow():
            values = {
                **_dimensions("count_reshaped_tensor_dimension", "reshaped_tensor_dimensions", row.reshaped),
                **_dimensions("count_super_block_dimension", "super_block_dimensions", row.super_block),
                **_dimensions("count_block_dimension", "block_dimensions", row.block),
                "unification_threshold": row.threshold,
            }
            return "unification", values | _accuracy("upm", row.accuracy, classes)
        case DecompositionRow():
            values = {"mse_threshold": row.mse_threshold, "nn_reduction_ratio": row.reduction_ratio}
            return "decomposition", values | _accuracy("dpm", row.accuracy, classes)


def _dimensions(count: str, name: str, dimensions: Sequence[int]) -> Values:
    """A list whose loop runs to its count minus 1: the count is one more, so that every dimension is listed [I]."""
    return {count: len(dimensions) + 1, name: list(dimensions)}


def _accuracy(prefix: str, accuracy: Accuracy, classes: bool) -> Values:
    listed = dict(sorted(accuracy.by_class.items())) if classes else {}
    if any(not 0 <= kind < MOST_CLASSES for kind in listed):
        raise ModelError(f"a performance map tells the accuracy of classes 0 to {MOST_CLASSES - 1} only")
    return {
        f"{prefix}_nn_accuracy": accuracy.overall,
        f"{prefix}_count_classes": len(listed),
        f"{prefix}_class_bitmask": sum(1 << kind for kind in listed),
        f"{prefix}_nn_class_accuracy": list(listed.values()),
    }
