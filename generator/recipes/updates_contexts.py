"""The contexts of temporal adaptation and of history dependent significance, each with all nine
sets (clause 10).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import Coded
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import SessionRecipe, StepUnits
from nnc_conformance.generator.updates import InTurn, node, stream, unit, update
from nnc_conformance.reference.entropy.contexts import MAX_UNARY_LENGTH, context_layout
from nnc_conformance.reference.entropy.kernel_tables import SETS
from nnc_conformance.reference.syntax.structures.data_unit import DEFAULT_UNARY_LENGTH, NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.storage.vector import Level

CLAUSES: Final = ("10 quant_param", "10 shift_parameter_ids")
_DIMENSIONS: Final = (16, 80)
_COUNT: Final = 1280
_VECTOR: Final = 320
_SMALL: Final = 110
"""Persistence of small indexes."""


def mixed(numbers: Numbers, label: str, persistence: int) -> npt.NDArray[np.int64]:
    """Return `_COUNT` random indexes: runs of small ones and of large ones in turn.

    Args:
        numbers: The recipe's random numbers.
        label: Selects the random numbers and, by its length, the length of the runs.
        persistence: Of 256: how likely a magnitude grows by one more in the large runs.
    """
    small, large = (numbers.quants(f"{label}/{kind}", _COUNT, kind) for kind in (_SMALL, persistence))
    turn = len(label) * 7
    return np.where(np.arange(_COUNT) // turn % 2 == 0, small, large)


def longest(numbers: Numbers, chosen: int, persistence: int = 253) -> list[StepUnits]:
    """Make a vector and an update of it with cabac_unary_length 256.

    Every context of the update has the same parameter set.

    Args:
        numbers: The recipe's random numbers.
        chosen: The parameter set, 0 to 8.
        persistence: Of 256: how likely a magnitude grows by one more.
    """
    layout = context_layout(False, MAX_UNARY_LENGTH, tca=True)
    sets = np.full(layout.flag, chosen, np.int64)
    base, coded = (Coded(numbers.quants(label, _VECTOR, persistence)) for label in ("base", "update"))
    common: dict[str, Any] = {"unary_length": MAX_UNARY_LENGTH}
    return [
        stream(unit(NNR_PT_INT, "w", (_VECTOR,), base, node(0), **common)),
        update(unit(NNR_PT_INT, "w", (_VECTOR,), replace(coded, parameter_sets=sets), node(1), tca=True, **common)),
    ]


def with_sets(numbers: Numbers, chosen: int, *, dq: bool, unary_length: int, persistence: int) -> list[StepUnits]:
    """Make a matrix and three updates of it whose contexts have the same parameter set.

    The updates use TCA, then TCA and HDSP, then HDSP.

    Args:
        numbers: The recipe's random numbers.
        chosen: The parameter set, 0 to 8.
        dq: Whether dependent quantization is used.
        unary_length: cabac_unary_length.
        persistence: As for `mixed`.
    """

    def coded(label: str, *, hdsp: bool, tca: bool) -> Coded:
        """Draw a tensor's indexes and signal the chosen set for every context it has.

        Args:
            label: Label of the random numbers.
            hdsp: Whether significance contexts depend on the history.
            tca: Whether there are temporal contexts.
        """
        layout = context_layout(dq, unary_length, tca=tca, hdsp=True)
        sets = np.full(layout.flag, chosen, np.int64)
        if not hdsp:
            sets[layout.sig_hdsp : layout.sign] = 0
        return Coded(mixed(numbers, label, persistence), parameter_sets=sets, hdsp=hdsp)

    base = Coded(mixed(numbers, "base", persistence))

    def step(label: str, depth: int, *, hdsp: bool, tca: bool) -> InTurn:
        return unit(
            NNR_PT_FLOAT, "w", _DIMENSIONS, coded(label, hdsp=hdsp, tca=tca), node(depth), tca=tca, dq_flag=dq, unary_length=unary_length
        )

    return [
        stream(unit(NNR_PT_FLOAT, "w", _DIMENSIONS, base, node(0), dq_flag=dq)),
        update(step("first", 1, hdsp=False, tca=True)),
        update(step("second", 2, hdsp=True, tca=True)),
        update(step("third", 3, hdsp=True, tca=False)),
    ]


def _recipes() -> Iterator[SessionRecipe]:
    """Yield the recipes of updates whose contexts use each parameter set."""
    for chosen in range(SETS):
        for dq in (False, True):
            end, how = ("-dq", " with dependent quantization") if dq else ("", "")
            yield SessionRecipe(
                id=f"update-sets-{chosen}{end}",
                title=f"Contexts of updates in parameter set {chosen}{how}",
                tests="Each update signals the sets of all contexts that its tools have; every context is met with both bins.",
                catches="A decoder that signals the groups of contexts in another order, or keeps contexts between updates.",
                clauses=CLAUSES,
                steps=lambda numbers, chosen=chosen, dq=dq: with_sets(  # type: ignore[misc]
                    numbers, chosen, dq=dq, unary_length=DEFAULT_UNARY_LENGTH, persistence=215
                ),
            )
    for unary_length, persistence, level in ((1, 150, Level.CORE), (2, 170, Level.CORE)):
        yield SessionRecipe(
            id=f"update-sets-unary-{unary_length}",
            title=f"Contexts of updates with cabac_unary_length {unary_length}",
            tests="The greater-than contexts of temporal adaptation are as many as the ordinary ones: two for each bin.",
            catches="A decoder that has another number of greater-than contexts in updates, or compares the parent's index with j + 1.",
            clauses=CLAUSES,
            level=level,
            steps=lambda numbers, unary_length=unary_length, persistence=persistence: with_sets(  # type: ignore[misc]
                numbers, 3, dq=False, unary_length=unary_length, persistence=persistence
            ),
        )

    for chosen in range(SETS):
        yield SessionRecipe(
            id=f"update-sets-longest-{chosen}",
            title=f"Contexts of updates with cabac_unary_length 256 in parameter set {chosen}",
            tests="Greater-than contexts of temporal adaptation up to the last, by whether the parent's magnitude reaches the bin.",
            catches="A decoder that clamps the parent's indexes below the last greater-than bin, or keeps j in eight bits.",
            clauses=CLAUSES,
            steps=lambda numbers, chosen=chosen: longest(numbers, chosen),  # type: ignore[misc]
        )
    yield SessionRecipe(
        id="update-sets-small-1-dq",
        title="Contexts of updates after small indexes, in parameter set 1 with dependent quantization",
        tests="Most indexes of the parent have magnitude 1 or 2, so that significance contexts of both kinds are met in every state.",
        catches="A decoder that compares the parent's index with 1 before it is doubled.",
        clauses=CLAUSES,
        steps=lambda numbers: with_sets(numbers, 1, dq=True, unary_length=DEFAULT_UNARY_LENGTH, persistence=90),
    )
    yield SessionRecipe(
        id="update-sets-long-8",
        title="Contexts of updates with cabac_unary_length 256 and indexes of about 15, in parameter set 8",
        tests="Greater-than contexts just beyond the default length, by whether the parent's magnitude reaches the bin.",
        catches="A decoder that has no contexts of temporal adaptation beyond the default length.",
        clauses=CLAUSES,
        steps=lambda numbers: longest(numbers, 8, 238),
    )


RECIPES = tuple(_recipes())
