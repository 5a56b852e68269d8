"""Contexts at the extremes of their adaptation, one vector for each parameter set (clause 10).

The steps of a state fall to 0 before it leaves its range: S0 never passes 123 and S1 never 1923, in
either direction, whatever the parameter set and the bins. So a decoder that clamps S0 at 126 or S1
at 2040 decodes every stream right, and no vector can tell it; one that clamps or wraps at 122 or
1922 fails the vectors of sets 3 and 2 (tests/agreement/test_state_extremes.py).
"""

from collections.abc import Iterable

import numpy as np

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.coverage.contexts import GREATER_GROUPS
from nnc_conformance.generator.directed.contexts import drive
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.entropy.contexts import MAX_PREFIX, MAX_UNARY_LENGTH, ContextLayout, context_layout
from nnc_conformance.reference.entropy.kernel_tables import SETS
from nnc_conformance.reference.syntax.structures.data_unit import DEFAULT_UNARY_LENGTH, NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.walker import Values

_CLAUSES = ("10 quant_param", "10 shift_parameter_ids")
EXACT_PREFIX = 23
"""Prefix contexts that a FLOAT uses: its doubled values stay within 2 ** 24, exact in any
arithmetic.
"""
LONGEST_GROUP = GREATER_GROUPS[-1][0]


def both(contexts: Iterable[int]) -> set[tuple[int, int]]:
    """Return both extremes of each context."""
    return {(context, bin_value) for context in contexts for bin_value in (0, 1)}


def magnitudes(unary_length: int, most_prefix: int) -> list[int]:
    """Return magnitudes that end at each greater-than bin and each prefix bin.

    Those of the prefix bins are odd and even.
    """
    ends = [unary_length + (1 << ones) + more for ones in range(1, most_prefix + 1) for more in (0, 1)]
    return [*range(1, unary_length + 2), *ends]


def data_unit(name: str, layout: ContextLayout, number: int, targets: set[tuple[int, int]], quants: list[int]) -> Values:
    """Build a tensor whose indexes take contexts to their extremes.

    Args:
        name: Id of the tensor.
        layout: Its contexts.
        number: The parameter set of all contexts.
        targets: The (context, bin) extremes to reach.
        quants: Positive magnitudes to use besides 0.
    """
    sets = np.full(layout.flag, number, dtype=np.int64)
    coded = drive(layout, sets, quants, targets)
    kind = NNR_PT_FLOAT if layout.dq_flag else NNR_PT_INT
    head = header(kind, name, (len(coded),), dq_flag=layout.dq_flag, unary_length=layout.unary_length)
    return ndu(head, Coded(coded, 0, sets))


def units(number: int) -> list[Values]:
    """Build tensors for all contexts of a parameter set.

    They cover the contexts of dependent quantization, those without it, and those of long unary
    lengths.
    """
    dependent, plain = context_layout(True, DEFAULT_UNARY_LENGTH), context_layout(False, DEFAULT_UNARY_LENGTH)
    longer = context_layout(False, LONGEST_GROUP + 1)
    last = plain.prefix + MAX_PREFIX - 1
    firsts = [longer.greater + 2 * low + sign for low, _ in GREATER_GROUPS for sign in (0, 1)]
    return [
        *opening(),
        data_unit(
            "dependent",
            dependent,
            number,
            both(range(dependent.prefix + EXACT_PREFIX)) - {(dependent.prefix + EXACT_PREFIX - 1, 1)},
            magnitudes(DEFAULT_UNARY_LENGTH, EXACT_PREFIX - 1),
        ),
        data_unit(
            "plain",
            plain,
            number,
            both([*range(plain.sign), *range(plain.prefix + EXACT_PREFIX - 1, last + 1)]) - {(last, 1)},
            magnitudes(DEFAULT_UNARY_LENGTH, MAX_PREFIX - 1),
        ),
        data_unit("longer", longer, number, both(firsts), [*(low + 1 for low, _ in GREATER_GROUPS), LONGEST_GROUP + 2]),
    ]


def extremes(number: int) -> Recipe:
    """Build the recipe that drives every context of a parameter set to both extremes.

    Args:
        number: The parameter set, 0 to 8.
    """
    return Recipe(
        id=f"cabac-extremes-set-{number}",
        title=f"Every context at both extremes, parameter set {number}",
        tests="Indexes drive each context up until nothing moves it further, and down likewise.",
        catches="A decoder whose states saturate too early, too late or not at all, in any one context.",
        clauses=_CLAUSES,
        units=lambda _: units(number),
    )


def flag_units() -> list[Values]:
    """Build tensors for the parameter-set flag's own context: 570 flags of 1, and 570 of 0."""
    layout = context_layout(True, MAX_UNARY_LENGTH)
    head = [header(NNR_PT_FLOAT, name, (1,), dq_flag=True, unary_length=MAX_UNARY_LENGTH) for name in ("ones", "zeros")]
    ones = 1 + np.arange(layout.flag, dtype=np.int64) % (SETS - 1)
    return [*opening(), ndu(head[0], Coded([1], 0, ones)), ndu(head[1], Coded([-1]))]


RECIPES = (
    *map(extremes, range(SETS)),
    Recipe(
        id="cabac-extremes-flag",
        title="The parameter-set flag's context at both extremes",
        tests="With unary length 256 and dependent quantization 570 flags are coded, all 1 or all 0.",
        catches="A decoder that resets the flag's context, or gives it another set than 0.",
        clauses=_CLAUSES,
        units=lambda _: flag_units(),
    ),
)
