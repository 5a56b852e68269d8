"""Performance maps (clause 6): measurements by tool and strength, and their syntax values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nnc_conformance.reference.composer import MAP_COUNTS
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.network import Accuracy
from nnc_conformance.reference.syntax.walker import Values

MOST_ENTRIES: Final = 255
"""Rows that a map can hold."""
MOST_CLASSES: Final = 63
"""Classes that a map can state; a longer class bitmask exceeds the exp-Golomb code that is read."""


@dataclass(frozen=True)
class SparsificationRow:
    """MapRow of the sparsification map.

    Args:
        threshold: Weights of smaller magnitude are 0.
        non_zero_ratio: Share of weights that are not 0.
    """

    threshold: float
    non_zero_ratio: float
    accuracy: Accuracy


@dataclass(frozen=True)
class PruningRow:
    """MapRow of the pruning map; ``ratio`` is the share of parameters removed."""

    ratio: float
    accuracy: Accuracy


@dataclass(frozen=True)
class UnificationRow:
    """MapRow of the unification map.

    Args:
        reshaped: Dimensions of the tensors as matrices; () if they differ.
        super_block: Rows and columns of a super-block.
        block: Rows and columns of a block.
        threshold: Greatest mean deviation of magnitudes in a unified block.
    """

    reshaped: tuple[int, ...]
    super_block: tuple[int, ...]
    block: tuple[int, ...]
    threshold: float
    accuracy: Accuracy


@dataclass(frozen=True)
class DecompositionRow:
    """MapRow of the decomposition map.

    Args:
        mse_threshold: Greatest mean square error of a tensor.
        reduction_ratio: Share of parameters left.
    """

    mse_threshold: float
    reduction_ratio: float
    accuracy: Accuracy


MapRow = SparsificationRow | PruningRow | UnificationRow | DecompositionRow
"""A row of any performance map."""


def performance_maps(rows: Iterable[MapRow], *, classes: bool = False) -> dict[str, Values]:
    """Make the maps for `composer.model_parameter_set`, by kind.

    Args:
        classes: Whether to state the accuracy of each class too.

    Raises:
        ModelError: For more rows or classes than a map can hold.
    """
    entries: dict[str, list[Values]] = {}
    for row in rows:
        kind, entry = _entry(row, classes)
        entries.setdefault(kind, []).append(entry)
    for kind, entry_list in entries.items():
        if len(entry_list) > MOST_ENTRIES:
            raise ModelError(f"the {kind} map would have {len(entry_list)} rows; it can hold {MOST_ENTRIES}")
    return {kind: {MAP_COUNTS[kind]: len(entry_list), "entry": entry_list} for kind, entry_list in entries.items()}


def _entry(row: MapRow, classes: bool) -> tuple[str, Values]:
    """Return the kind of map that a row belongs to, and its elements.

    Args:
        row: The row.
        classes: Whether to state the accuracy of each class too.
    """
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
    """List dimensions with their count, which is one more than their number [I].

    The loop of the standard runs to the count minus 1.
    """
    return {count: len(dimensions) + 1, name: list(dimensions)}


def _accuracy(prefix: str, accuracy: Accuracy, classes: bool) -> Values:
    """Return the elements of an entry that state an accuracy.

    Raises `ModelError` for a class that a map cannot state.

    Args:
        prefix: Begins the elements' names: spm, ppm, upm or dpm.
        accuracy: The accuracy, overall and by class.
        classes: Whether to state the accuracy of each class too.
    """
    listed = dict(sorted(accuracy.by_class.items())) if classes else {}
    if any(not 0 <= kind < MOST_CLASSES for kind in listed):
        raise ModelError(f"a performance map can state the accuracy of classes 0 to {MOST_CLASSES - 1} only")
    return {
        f"{prefix}_nn_accuracy": accuracy.overall,
        f"{prefix}_count_classes": len(listed),
        f"{prefix}_class_bitmask": sum(1 << kind for kind in listed),
        f"{prefix}_nn_class_accuracy": list(listed.values()),
    }
