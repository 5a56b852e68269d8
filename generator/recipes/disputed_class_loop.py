"""The class loop of the unification map, distinguished under both readings of a map's count (clause
6).

The bits that one reading takes for the map's second entry are the other's decomposition map. Both
readings end at the same bit.
"""

from functools import partial
from typing import Final

import numpy as np

from nnc_conformance.generator.composition import SIXTEENTHS
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import model_parameter_set, start_unit
from nnc_conformance.reference.interpretation import Interpretation, UnificationClassLoop
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

ZERO, HALF = np.float32(0), np.float32(0.5)
LOOPED, OTHER = 1, 2
"""Number of accuracies that the loop runs over, and the value of the field that does not bound it.
"""
FILLING: Final = 103
"""Classes of a decomposition entry that fills the difference: 33 entries of 14 bytes end where the
two do.
"""


def unification(choice: UnificationClassLoop, dimensions: list[int]) -> Values:
    """Build an entry of a unification map with one class accuracy.

    Args:
        choice: Which field is the number of class accuracies, 1; the other is 2.
        dimensions: reshaped_tensor_dimensions of the entry.
    """
    counted = choice is UnificationClassLoop.COUNT_CLASSES
    return {
        "count_reshaped_tensor_dimension": len(dimensions) + 1,
        "reshaped_tensor_dimensions": dimensions,
        "count_super_block_dimension": 1,
        "count_block_dimension": 1,
        "unification_threshold": ZERO,
        "upm_nn_accuracy": HALF,
        "upm_count_classes": LOOPED if counted else OTHER,
        "upm_class_bitmask": OTHER if counted else LOOPED,
        "upm_nn_class_accuracy": [ZERO] * LOOPED,
    }


def decomposition(classes: int) -> Values:
    """Build an entry of zeros."""
    accuracies = {"dpm_count_classes": classes, "dpm_nn_class_accuracy": [ZERO] * classes}
    return {"mse_threshold": ZERO, "dpm_nn_accuracy": ZERO, "nn_reduction_ratio": ZERO, **accuracies}


def units(choice: UnificationClassLoop, _: Numbers) -> list[Values]:
    """Build maps that read whole under both counts.

    One reading finds two entries of unification and two of decomposition; the other finds one, and
    33 of decomposition, whose count of 34 is the second entry's first byte.
    """
    second = unification(choice, [1, 2, 3, 4, 5])
    maps: dict[str, Values] = {
        "unification": {"upm_count_thresholds": 2, "entry": [unification(choice, [16]), second]},
        "decomposition": {"dpm_count_thresholds": 2, "entry": [decomposition(FILLING), decomposition(0)]},
    }
    return [start_unit(), model_parameter_set(SIXTEENTHS, maps=maps), small()]


def class_loop(choice: UnificationClassLoop) -> Recipe:
    """Build the recipe of a stream written under one choice of unification_class_loop.

    The choice at this disputed point says what bounds the loop over classes in the unification map:
    the count or the bitmask.
    """
    return Recipe(
        id=f"map-unification-any-count-classes-by-{'count' if choice is UnificationClassLoop.COUNT_CLASSES else 'bitmask'}",
        title=f"The class loop of the unification map runs to {choice.value}, whichever way its entries are counted",
        tests="What bounds the class loop, in a stream that reads whole with as many entries as the count says and with one fewer.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=("6 unification_performance_map",),
        units=partial(units, choice),
        level=Level.DISPUTED,
        switch="unification_class_loop",
        interpretation=Interpretation(unification_class_loop=choice),
    )


RECIPES = tuple(map(class_loop, UnificationClassLoop))
